//! The types of the managed program: modules, names, fields, statics and methods behind one door.

use std::collections::BTreeSet;

use super::Runtime;
use super::fields;
use super::loader;
use super::module_files::ModuleFiles;
use super::modules::{IdentityCheck, LoadedModule, Modules};
use super::names::{NameParts, Namer};
use super::runtime_type_system::MethodTable;
use super::type_defs::{RowScheme, TypeDefs, defining_module};
use super::type_handle::{self, TypeDesc, TypeHandle};
use crate::base::job::Unit;
use crate::base::{Addr, Cancelled, Job, Skipped, Warnings};
use crate::image::metadata::Metadata;
use crate::target::images::ImageFolders;

/// Types of one module whose fields are compared with a file's.
const MOST_CHECKED: usize = 5_000;

/// What is known of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeDescription {
    /// Its name, or why it has none.
    pub name: Result<String, String>,
    /// The name with stand-ins for the parts that have none: `List<Leaky.dll!0x02000005>`.
    pub label: String,
    /// Number of its module in [`Modules`]; an array's is its innermost element's.
    pub module: Option<usize>,
    /// TypeDef token; 0 for arrays and when the row is not known.
    pub token: u32,
    /// Base class.
    pub base: Option<Addr>,
    /// MethodTable of an array's elements; `None` for pointers.
    pub element: Option<Addr>,
    /// The MethodTable itself.
    pub table: MethodTable,
}

/// All types of one dump.
#[derive(Debug)]
pub struct Types {
    runtime: Runtime,
    /// Modules, by address.
    pub modules: Modules,
    /// Rows and MethodTables.
    pub type_defs: TypeDefs,
    /// Module of `System.Object`.
    pub core_module: Option<Addr>,
}

impl Types {
    /// Finds the modules and reads their metadata. `known` are MethodTables that are known already, those on the heap at
    /// least; `folders` hold assemblies the user offers.
    ///
    /// # Errors
    /// [`Cancelled`].
    pub fn open(
        runtime: &Runtime,
        known: &[Addr],
        folders: &ImageFolders,
        job: &Job,
        warnings: &mut Warnings,
    ) -> Result<Self, Cancelled> {
        job.stage("Reading modules", Unit::Steps, None);
        let system = &runtime.type_system;
        let tables = known_tables(runtime, known, job)?;
        let module_addresses = loader::modules_of(&tables);
        let module_list = loader::find(runtime, &module_addresses, &runtime.limits);
        if module_list.link.is_none() {
            warnings.skip(
                Skipped::Module,
                None,
                format!(
                    "the runtime's list of assemblies was not found; {} modules are known from types",
                    module_list.modules.len()
                ),
            );
        }
        let type_defs = TypeDefs::find(system, &tables);
        let core_module = system.object_mt.and_then(|at| type_handle::table(system, at)).map(|object| object.module);
        let facts = |module: Addr, metadata: &Metadata| -> Result<usize, String> {
            let mut n = 0_usize;
            for (row, at) in type_defs.loaded(system.memory(), module).into_iter().take(MOST_CHECKED) {
                if let Some(table) = type_handle::table(system, at) {
                    n = n.saturating_add(fields::agree(system, &table, metadata, row)?);
                }
            }
            Ok(n)
        };
        let check = IdentityCheck { type_defs, facts: &facts };
        let files = ModuleFiles::new(folders);
        let modules = Modules::read(runtime, &module_list, core_module, &check, &files, job, warnings)?;
        let mut types = Self { runtime: runtime.clone(), modules, type_defs, core_module };
        types.settle_scheme(warnings);
        Ok(types)
    }

    /// Without a map, the name at `System.Object`'s row decides which scheme it is.
    fn settle_scheme(&mut self, warnings: &mut Warnings) {
        let system = &self.runtime.type_system;
        let object = system.object_mt.and_then(|at| type_handle::table(system, at));
        let Some(object) = object else { return };
        let Some(metadata) = self.modules.at(object.module).and_then(|module| module.metadata.as_ref().ok()) else {
            return;
        };
        let is_object = |scheme: RowScheme| {
            scheme.row(&object).and_then(|row| metadata.full_name(row)).as_deref() == Some("System.Object")
        };
        let fitting = [RowScheme::OwnWord, RowScheme::InFlags].into_iter().find(|&scheme| is_object(scheme));
        match fitting {
            Some(scheme) if scheme == self.type_defs.scheme => {}
            Some(scheme) if self.type_defs.map.is_none() => self.type_defs.scheme = scheme,
            _ => warnings.skip(
                Skipped::Type,
                None,
                "the row of System.Object does not lead to its name: names may be missing",
            ),
        }
    }

    /// The runtime that the types belong to.
    #[must_use]
    pub const fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    pub(crate) const fn namer(&self) -> Namer<'_> {
        Namer { types: &self.runtime.type_system, modules: &self.modules, scheme: self.type_defs.scheme }
    }

    /// The MethodTable at `mt`, interfaces included. Reads the dump.
    #[must_use]
    pub fn table(&self, mt: Addr) -> Option<MethodTable> {
        type_handle::table(&self.runtime.type_system, mt)
    }

    /// The name of the type at `mt`. Reads the dump.
    #[must_use]
    pub fn name(&self, mt: Addr) -> NameParts {
        self.namer().name(mt)
    }

    /// The module that defines `table`; of an array or an array of pointers, the one of its innermost element.
    #[must_use]
    pub fn module_of(&self, table: &MethodTable) -> Option<&LoadedModule> {
        let system = &self.runtime.type_system;
        let mut handle = table.at;
        // Arrays of arrays, and descriptions of what has no MethodTable, lead inwards.
        for _ in 0..40 {
            match TypeHandle::from_word(handle) {
                TypeHandle::Table(at) => {
                    let table = if at == table.at { *table } else { self.table(at)? };
                    let Some(element) = table.element_handle() else {
                        return defining_module(system, self.type_defs.scheme, &table)
                            .and_then(|at| self.modules.at(at));
                    };
                    handle = element;
                }
                TypeHandle::Desc(at) => {
                    handle = match type_handle::desc(system.memory(), at)? {
                        TypeDesc::Pointer(to) | TypeDesc::ByRef(to) | TypeDesc::Array(to, _) => to,
                        TypeDesc::Variable(words, _) => {
                            return words.iter().find_map(|&at| self.modules.at(at));
                        }
                        TypeDesc::Function(_) => return None,
                    };
                }
            }
        }
        None
    }

    /// What is known of the type at `mt`; `None` when there is no MethodTable. Reads the dump.
    #[must_use]
    pub fn describe(&self, mt: Addr) -> Option<TypeDescription> {
        let table = self.table(mt)?;
        let NameParts { label, missing } = self.name(mt);
        let name = missing.map_or_else(|| Ok(label.clone()), Err);
        let module = self.module_of(&table).and_then(|module| self.modules.index_of(module.at));
        let row = if table.is_array() { None } else { self.type_defs.scheme.row(&table) };
        let element = table.element_handle().and_then(|handle| match TypeHandle::from_word(handle) {
            TypeHandle::Table(at) => Some(at),
            TypeHandle::Desc(_) => None,
        });
        Some(TypeDescription {
            name,
            label,
            module,
            token: row.map_or(0, |row| 0x0200_0000 | row),
            base: (!table.parent.is_null()).then_some(table.parent),
            element,
            table,
        })
    }
}

/// The known MethodTables, with their bases, elements and arguments, each once.
fn known_tables(runtime: &Runtime, known: &[Addr], job: &Job) -> Result<Vec<MethodTable>, Cancelled> {
    let system = &runtime.type_system;
    let most = usize::try_from(runtime.limits.method_tables).unwrap_or(usize::MAX);
    let mut seen: BTreeSet<Addr> = BTreeSet::new();
    let mut next: Vec<Addr> = known.to_vec();
    let mut tables = Vec::new();
    while let Some(at) = next.pop() {
        if tables.len() >= most || !seen.insert(at) {
            continue;
        }
        job.tick(0)?;
        let Some(table) = type_handle::table(system, at) else { continue };
        next.extend([table.parent, table.canonical].into_iter().filter(|at| !at.is_null()));
        let args = type_handle::generic_args(system.memory(), &table).unwrap_or_default();
        for handle in args.into_iter().chain(table.element_handle()) {
            if let TypeHandle::Table(at) = TypeHandle::from_word(handle) {
                next.push(at);
            }
        }
        tables.push(table);
    }
    tables.sort_by_key(|table| table.at);
    Ok(tables)
}
