//! Names of types as C# developers read them.
//!
//! `System.Collections.Generic.Dictionary<System.String, Leaky.Worker>+Entry[]`: namespaces in full, enclosing types with
//! `+`, each type followed by the arguments that it declares itself, arrays of arrays in reading order, `[*]` for a
//! one-dimensional array with a lower bound. SOS and ClrMD write the same wherever they write well.
//!
//! A name is whole or it is missing: one part without metadata makes all of it missing, with the reason. The label then
//! says what is known: ``List<Leaky.dll!0x02000005>``.

use super::modules::Modules;
use super::runtime_type_system::{MethodTable, TypeSystem};
use super::type_defs::{RowScheme, defining_module};
use super::type_handle::{self, TypeDesc, TypeHandle};
use crate::base::{Addr, ElementType};
use crate::image::metadata::Metadata;

/// How deep types may nest in each other's names.
const MOST_DEPTH: usize = 40;
/// Bytes of the longest name.
const MOST_BYTES: usize = 16 << 10;

/// A type's name, or what is known of it and why that is not all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameParts {
    /// The name; with stand-ins like `Leaky.dll!0x02000005` for the parts without one.
    pub label: String,
    /// Why a part has no name; `None` when all have.
    pub missing: Option<String>,
}

impl NameParts {
    /// The name, or the reason.
    ///
    /// # Errors
    /// The reason, when a part is missing.
    pub fn into_name(self) -> Result<String, String> {
        match self.missing {
            None => Ok(self.label),
            Some(reason) => Err(reason),
        }
    }
}

/// Writes names of types.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Namer<'a> {
    pub(crate) types: &'a TypeSystem,
    pub(crate) modules: &'a Modules,
    pub(crate) scheme: RowScheme,
}

/// A name being written.
struct Draft {
    parts: NameParts,
}

impl Draft {
    fn push(&mut self, text: &str) {
        if self.parts.label.len().saturating_add(text.len()) <= MOST_BYTES {
            self.parts.label.push_str(text);
        } else {
            self.miss("the name is too long".to_owned());
        }
    }

    fn miss(&mut self, why: String) {
        self.parts.missing.get_or_insert(why);
    }

    fn stand_in(&mut self, text: &str, why: String) {
        self.push(text);
        self.miss(why);
    }
}

impl Namer<'_> {
    /// The name of the type at `mt`. Reads the dump.
    pub(crate) fn name(&self, mt: Addr) -> NameParts {
        let mut draft = Draft { parts: NameParts::default() };
        self.write_table(mt, 0, &mut draft);
        draft.parts
    }

    fn write_handle(&self, handle: Addr, depth: usize, draft: &mut Draft) {
        if depth > MOST_DEPTH || draft.parts.label.len() > MOST_BYTES {
            draft.stand_in("…", "the name nests too deep".to_owned());
            return;
        }
        match TypeHandle::from_word(handle) {
            TypeHandle::Table(mt) => self.write_table(mt, depth, draft),
            TypeHandle::Desc(at) => self.write_desc(at, depth, draft),
        }
    }

    fn write_desc(&self, at: Addr, depth: usize, draft: &mut Draft) {
        let next = depth.saturating_add(1);
        match type_handle::desc(self.types.memory(), at) {
            Some(TypeDesc::Pointer(to)) => {
                self.write_handle(to, next, draft);
                draft.push("*");
            }
            Some(TypeDesc::ByRef(to)) => {
                self.write_handle(to, next, draft);
                draft.push("&");
            }
            Some(TypeDesc::Array(element, template)) => {
                self.write_handle(element, next, draft);
                let rank = type_handle::table(self.types, template);
                draft.push(&brackets(
                    rank.as_ref().map_or((true, 1), |table| (table.is_vector(), table.rank().unwrap_or(1))),
                ));
            }
            Some(TypeDesc::Variable(words, row)) => {
                let name = words.iter().find_map(|&at| {
                    self.modules.at(at)?.metadata.as_ref().ok()?.generic_param_name(row).map(str::to_owned)
                });
                match name {
                    Some(name) => draft.push(&name),
                    None => draft.stand_in("T", "the type variable's module has no metadata".to_owned()),
                }
            }
            Some(TypeDesc::Function(handles)) => {
                draft.push("delegate*<");
                let (result, params) =
                    handles.split_first().map_or((None, &[][..]), |(first, rest)| (Some(*first), rest));
                for &handle in params.iter().chain(result.iter()) {
                    if !draft.parts.label.ends_with('<') {
                        draft.push(", ");
                    }
                    self.write_handle(handle, next, draft);
                }
                draft.push(">");
            }
            None => draft.stand_in(&at.to_string(), format!("the type description at {at} is not readable")),
        }
    }

    fn write_table(&self, mt: Addr, depth: usize, draft: &mut Draft) {
        if depth > MOST_DEPTH {
            draft.stand_in("…", "the name nests too deep".to_owned());
            return;
        }
        let Some(table) = type_handle::table(self.types, mt) else {
            draft.stand_in(&mt.to_string(), format!("the MethodTable at {mt} is not in the dump"));
            return;
        };
        if let Some(element) = table.element_handle() {
            self.write_handle(element, depth.saturating_add(1), draft);
            draft.push(&brackets((table.is_vector(), table.rank().unwrap_or(1))));
            return;
        }
        if let Err(why) = self.write_definition(&table, depth, draft) {
            match self.name_by_structure(&table) {
                Some(name) => draft.push(name),
                None => {
                    let label = self.row_label(&table);
                    draft.stand_in(&label, why);
                }
            }
        }
    }

    /// `Leaky.dll!0x02000005`, or the address when not even that is known.
    fn row_label(&self, table: &MethodTable) -> String {
        let module = defining_module(self.types, self.scheme, table).and_then(|at| self.modules.at(at));
        match (module, self.scheme.row(table)) {
            (Some(module), Some(row)) => format!("{}!{:#010x}", module.name, 0x0200_0000 | row),
            _ => table.at.to_string(),
        }
    }

    /// Types that need no metadata: `System.Object` and `System.String` are found by their place, primitives by what
    /// their only field is.
    fn name_by_structure(&self, table: &MethodTable) -> Option<&'static str> {
        if Some(table.at) == self.types.object_mt {
            return Some("System.Object");
        }
        if Some(table.at) == self.types.string_mt {
            return Some("System.String");
        }
        primitive(self.types, table).and_then(primitive_name)
    }

    fn write_definition(&self, table: &MethodTable, depth: usize, draft: &mut Draft) -> Result<(), String> {
        let at = defining_module(self.types, self.scheme, table)
            .ok_or_else(|| "the defining module is not in the dump".to_owned())?;
        let module = self.modules.at(at).ok_or_else(|| format!("no module is known at {at}"))?;
        let metadata = module.metadata.as_ref().map_err(Clone::clone)?;
        let row = self.scheme.row(table).ok_or_else(|| "the type's row is outside its MethodTable".to_owned())?;
        let levels =
            levels(metadata, row).ok_or_else(|| format!("{} has no readable type at row {row}", module.name))?;
        let n_params: usize = levels.iter().map(|level| level.n_params).sum();
        let args = if n_params == 0 {
            Vec::new()
        } else {
            type_handle::generic_args(self.types.memory(), table)
                .ok_or_else(|| "the generic arguments are not in the dump".to_owned())?
        };
        if args.len() != n_params {
            return Err(format!("{n_params} generic arguments expected, {} found", args.len()));
        }
        let mut args = args.into_iter();
        for (index, level) in levels.iter().enumerate() {
            if index > 0 {
                draft.push("+");
            }
            draft.push(&level.name);
            if level.n_params > 0 {
                draft.push("<");
                for (number, arg) in args.by_ref().take(level.n_params).enumerate() {
                    if number > 0 {
                        draft.push(", ");
                    }
                    self.write_handle(arg, depth.saturating_add(1), draft);
                }
                draft.push(">");
            }
        }
        Ok(())
    }
}

/// `[]`, `[,]`, `[*]`.
fn brackets((is_vector, rank): (bool, u8)) -> String {
    match (is_vector, rank) {
        (true, _) => "[]".to_owned(),
        (false, 1) => "[*]".to_owned(),
        (false, rank) => format!("[{}]", ",".repeat(usize::from(rank).saturating_sub(1))),
    }
}

/// One type of a chain of enclosing types.
struct Level {
    /// Namespace and name, without the arity.
    name: String,
    /// Generic parameters that it declares itself.
    n_params: usize,
}

/// The chain from the outermost enclosing type to the type at `row`.
fn levels(metadata: &Metadata, row: u32) -> Option<Vec<Level>> {
    let mut before = 0_usize;
    metadata
        .nesting(row)?
        .into_iter()
        .enumerate()
        .map(|(index, row)| {
            let def = metadata.type_def(row)?;
            // A nested type repeats the parameters of the types around it (II.22.20).
            let all = metadata.n_generic_params(row);
            let n_params = all.saturating_sub(before);
            before = all.max(before);
            let name = without_arity(def.name, n_params);
            let name = if index == 0 && !def.namespace.is_empty() {
                format!("{}.{name}", def.namespace)
            } else {
                name.to_owned()
            };
            Some(Level { name, n_params })
        })
        .collect()
}

/// The name without its `` `2 ``, when that says how many parameters there are.
fn without_arity(name: &str, n_params: usize) -> &str {
    match name.rsplit_once('`') {
        Some((plain, arity)) if n_params > 0 && arity.parse() == Ok(n_params) => plain,
        _ => name,
    }
}

/// The element type of a primitive: what its one instance field holds. `None` for other types.
pub(crate) fn primitive(types: &TypeSystem, table: &MethodTable) -> Option<ElementType> {
    // Category of the true primitives (methodtable.h).
    if table.category() != 0x0007_0000 {
        return None;
    }
    let field = super::fields::raw_fields(types, table).next()?;
    (!field.is_static()).then(|| field.element()).flatten()
}

const fn primitive_name(element: ElementType) -> Option<&'static str> {
    Some(match element {
        ElementType::Boolean => "System.Boolean",
        ElementType::Char => "System.Char",
        ElementType::I1 => "System.SByte",
        ElementType::U1 => "System.Byte",
        ElementType::I2 => "System.Int16",
        ElementType::U2 => "System.UInt16",
        ElementType::I4 => "System.Int32",
        ElementType::U4 => "System.UInt32",
        ElementType::I8 => "System.Int64",
        ElementType::U8 => "System.UInt64",
        ElementType::R4 => "System.Single",
        ElementType::R8 => "System.Double",
        ElementType::I => "System.IntPtr",
        ElementType::U => "System.UIntPtr",
        ElementType::Pointer | ElementType::ByRef | ElementType::Class | ElementType::ValueType => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arity_is_cut_only_when_it_says_the_number_of_parameters() {
        assert_eq!(without_arity("Dictionary`2", 2), "Dictionary");
        assert_eq!(without_arity("Odd`2", 1), "Odd`2");
        assert_eq!(without_arity("Plain`1", 0), "Plain`1");
        assert_eq!(without_arity("<M>d__5`1", 1), "<M>d__5");
    }

    #[test]
    fn brackets_say_the_rank() {
        assert_eq!(brackets((true, 1)), "[]");
        assert_eq!(brackets((false, 1)), "[*]");
        assert_eq!(brackets((false, 3)), "[,,]");
    }
}
