//! Which runtime it is, and how that is known.
//!
//! The best source that is in the dump counts: the version text in the runtime's read-only data (`@(#)Version `; absent
//! in heap dumps of 9 and 10), the folder it was loaded from, the structures themselves.

use super::gc_vars::GcVars;
use super::runtime_type_system::{PointerStyle, TypeSystem};
use super::words::present;
use crate::base::found::{Evidence, RuntimeFacts};
use crate::base::{Addr, AddrRange};
use crate::target::{Module, SplicedMemory, Target};

/// The runtime's module and version.
#[derive(Clone, Debug, Default)]
pub struct RuntimeInfo {
    /// Index of its module in the target.
    pub module: usize,
    /// The facts for the reader.
    pub facts: RuntimeFacts,
    /// File name of a stand-alone collector.
    pub standalone_gc: Option<String>,
    /// Text behind the version mark: `9.0.1826.31522 @Commit: …`.
    pub version_text: Option<String>,
}

/// True for the file names of CoreCLR.
pub(crate) fn is_runtime_name(name: &str) -> bool {
    ["libcoreclr.so", "coreclr.dll", "libcoreclr.dylib"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

impl RuntimeInfo {
    pub(crate) fn read(
        target: &Target,
        module: usize,
        vars: Option<&GcVars>,
        type_system: &mut TypeSystem,
        evidence: &mut Vec<Evidence>,
    ) -> Self {
        let Some(found) = target.modules.get(module) else { return Self::default() };
        let version_text = version_text(&target.memory, found.range);
        let (version, source) = version(target, found, version_text.as_deref(), vars, type_system);
        type_system.set_collectible_bit(is_nine_or_later(vars, type_system));
        let single_file = !is_runtime_name(found.file_name());
        let name =
            if source == "structure" { format!(".NET {version} (by structure)") } else { format!(".NET {version}") };
        evidence.push(Evidence { what: "Runtime version", how: format!("{version}, from the {source}") });
        let standalone_gc = vars
            .filter(|vars| vars.gc_module != module)
            .and_then(|vars| target.modules.get(vars.gc_module))
            .map(|gc| gc.file_name().to_owned());
        Self {
            module,
            facts: RuntimeFacts {
                name,
                version,
                version_source: source,
                module: found.path.clone(),
                module_base: found.base,
                single_file,
            },
            standalone_gc,
            version_text,
        }
    }
}

/// The text behind the version mark, if the page is in the dump. One pass over the module's bytes.
fn version_text(memory: &SplicedMemory, range: AddrRange) -> Option<String> {
    const MARK: &[u8] = b"@(#)Version ";
    memory.stretches(range).find_map(|stretch| {
        let bytes = present(memory, stretch);
        let mut from = 0usize;
        while let Some(rest) = bytes.get(from..) {
            let at = rest.iter().position(|&byte| byte == b'@')?;
            let text = rest.get(at..)?;
            if let Some(text) = text.strip_prefix(MARK)
                && text.first().is_some_and(u8::is_ascii_digit)
            {
                let end = text.iter().take(200).position(|byte| !(b' '..=b'~').contains(byte))?;
                return text.get(..end).and_then(|text| std::str::from_utf8(text).ok()).map(str::to_owned);
            }
            from = from.checked_add(at)?.checked_add(1)?;
        }
        None
    })
}

/// Version of a product from the version of its files: 9.0.1826.31522 is 9.0.18, 4.700.22.11601 some 3.1.
fn product_version(text: &str) -> Option<String> {
    let numbers: Vec<u32> = text.split([' ', '@']).next()?.split('.').map_while(|part| part.parse().ok()).collect();
    match numbers.as_slice() {
        [4, 6, ..] => Some("2.x".to_owned()),
        [4, 700, ..] => Some("3.x".to_owned()),
        // The third number is the patch and a two-digit revision.
        [major, minor, third, ..] if *major >= 5 && *third >= 100 => Some(format!("{major}.{minor}.{}", third / 100)),
        [major, minor, ..] if *major >= 5 => Some(format!("{major}.{minor}")),
        _ => None,
    }
}

/// The version in `…/Microsoft.NETCore.App/9.0.18/…`.
fn version_in_path(path: &str) -> Option<String> {
    let mut parts = path.split(['/', '\\']);
    parts.find(|part| part.eq_ignore_ascii_case("Microsoft.NETCore.App"))?;
    let version = parts.next()?;
    version.starts_with(|first: char| first.is_ascii_digit()).then(|| version.to_owned())
}

fn version(
    target: &Target,
    module: &Module,
    text: Option<&str>,
    vars: Option<&GcVars>,
    type_system: &TypeSystem,
) -> (String, String) {
    let from_text = text.and_then(product_version);
    // 2.x and 3.x do not name themselves in the text: their folder does.
    if let Some(version) = from_text.as_ref().filter(|version| !version.ends_with('x')) {
        return (version.clone(), format!("version text in {}", module.file_name()));
    }
    let beside = std::iter::once(module).chain(
        target
            .modules
            .iter()
            .filter(|other| other.file_name().starts_with("libclrjit") || other.file_name() == "clrjit.dll"),
    );
    for source in beside {
        if let Some(version) = version_in_path(&source.path) {
            return (version, format!("folder of {}", source.file_name()));
        }
    }
    (by_structure(vars, type_system).to_owned(), "structure".to_owned())
}

/// From 9 on the TypeDef row shares a word with flags2; `System.Object`, whose row is 2 digits in every core library, is
/// asked: as a half word it would be flags.
fn is_nine_or_later(vars: Option<&GcVars>, type_system: &TypeSystem) -> bool {
    if vars.is_some_and(|vars| vars.n_generations.is_none()) || type_system.pointer_style == PointerStyle::Relative {
        return false;
    }
    // The auxiliary data of 9 begins with nothing that leads back; its neighbour in front does: the word 8 bytes before it
    // holds the MethodTable when the type has statics.
    let Some(object) = type_system.object_mt.and_then(|at| type_system.method_table(at)) else { return false };
    // Up to 8 the half word is the row and flags2 of Object is small; from 9 on the row is shifted by 8.
    let _: Addr = object.at;
    object.row_in_flags() != 0
        && object.row_in_own_word() <= 0xff
        && object.row_in_flags() & 0xff00 == object.row_in_own_word() << 8
        && object.row_in_own_word() < 0x10
}

fn by_structure(vars: Option<&GcVars>, type_system: &TypeSystem) -> &'static str {
    match vars {
        Some(vars) if vars.n_generations.is_none() => match type_system.pointer_style {
            PointerStyle::Relative => "2.1",
            PointerStyle::Plain => "3.1",
        },
        Some(vars) if vars.major == 1 => "5.0 or 6.0",
        Some(vars) if vars.minor >= 2 => "10.0",
        Some(_) if is_nine_or_later(vars, type_system) => "9.0",
        Some(_) => "8.0",
        None => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_files_and_folders() {
        let check =
            |text: &str, expected: Option<&str>| assert_eq!(product_version(text).as_deref(), expected, "{text}");
        check("9.0.1826.31522 @Commit: 1", Some("9.0.18"));
        check("10.0.926.27113 @Commit: 1", Some("10.0.9"));
        check("9.0.124.61010", Some("9.0.1"));
        check("4.700.22.11601 @Commit: 1", Some("3.x"));
        check("4.6.30411.01 @BuiltBy: x", Some("2.x"));
        check("hello", None);
        let check =
            |path: &str, expected: Option<&str>| assert_eq!(version_in_path(path).as_deref(), expected, "{path}");
        check("/usr/share/dotnet/shared/Microsoft.NETCore.App/9.0.18/libcoreclr.so", Some("9.0.18"));
        check(r"C:\Program Files\dotnet\shared\Microsoft.NETCore.App\3.1.23\coreclr.dll", Some("3.1.23"));
        check("/app/libcoreclr.so", None);
    }
}
