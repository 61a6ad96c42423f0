//! Instance fields of a type with those it inherits: place, name, and the type of what stands there.
//!
//! FieldDescs say where and what kind; the metadata of the declaring class says the name and, by its signature, the type.
//! A struct's type leads to its own fields, so that a slot deep inside can be named.

use std::collections::BTreeMap;

use super::fields::{Field, raw_fields, stored_rows};
use super::modules::{LoadedModule, NameIndex};
use super::runtime_type_system::MethodTable;
use super::type_handle::{self, TypeHandle};
use super::types::Types;
use crate::base::{Addr, ElementType};
use crate::image::metadata::signature::{SignatureType, field_type};
use crate::image::metadata::{Metadata, Table, TableToken};

/// How deep a signature is followed.
const MOST_DEPTH: usize = 16;

/// A generic instance: its arguments and its MethodTable.
type Instance = (Vec<Addr>, Addr);

/// Finds the MethodTable of a type that a signature spells. Costs one pass over the names of all modules and one over
/// the known types.
#[derive(Debug)]
pub struct TypeFinder<'a> {
    types: &'a Types,
    names: NameIndex,
    /// Generic instances by module and row: arguments and MethodTable.
    instances: BTreeMap<(Addr, u32), Vec<Instance>>,
    /// One-dimensional arrays by their elements' type handle.
    vectors: BTreeMap<Addr, Addr>,
}

impl<'a> TypeFinder<'a> {
    /// A finder that knows the types of all modules, and of instances and arrays those in `known`.
    #[must_use]
    pub fn new(types: &'a Types, known: &[Addr]) -> Self {
        let mut finder =
            Self { types, names: NameIndex::new(&types.modules), instances: BTreeMap::new(), vectors: BTreeMap::new() };
        for &mt in known {
            finder.learn(mt);
        }
        finder
    }

    /// Remembers one more generic instance or array.
    pub fn learn(&mut self, mt: Addr) {
        let Some(table) = self.types.table(mt) else { return };
        if let Some(element) = table.element_handle() {
            if table.is_vector() {
                self.vectors.insert(element, mt);
            }
            return;
        }
        if table.generics() == 0 {
            return;
        }
        let Some(row) = self.types.type_defs.scheme.row(&table) else { return };
        let Some(module) = self.types.module_of(&table) else { return };
        let Some(args) = type_handle::generic_args(self.types.runtime().type_system.memory(), &table) else { return };
        let instances = self.instances.entry((module.at, row)).or_default();
        if !instances.iter().any(|(_, known)| *known == mt) {
            instances.push((args, mt));
        }
    }

    /// Instance fields of the type at `mt` with those of its bases, by offset. Reads the dump.
    #[must_use]
    pub fn fields(&self, mt: Addr) -> Vec<Field> {
        let system = &self.types.runtime().type_system;
        let mut next = mt;
        let mut fields = Vec::new();
        for _ in 0..1000 {
            let Some(table) = self.types.table(next) else { break };
            self.own_fields(&table, &mut fields);
            if table.parent.is_null() || Some(next) == system.object_mt {
                break;
            }
            next = table.parent;
        }
        fields.sort_by_key(|field| field.offset);
        fields
    }

    fn own_fields(&self, table: &MethodTable, into: &mut Vec<Field>) {
        let system = &self.types.runtime().type_system;
        let row = self.types.type_defs.scheme.row(table);
        let module = self.types.module_of(table);
        let metadata = module.and_then(|module| module.metadata.as_ref().ok());
        let rows = metadata.zip(row).map(|(metadata, row)| stored_rows(metadata, row));
        let most = rows.as_ref().map_or(usize::MAX, Vec::len);
        let args = type_handle::generic_args(system.memory(), table).unwrap_or_default();
        // What begins behind the instance belongs to another class: without metadata the number of fields is not known.
        let end = table.base_bytes.saturating_sub(16);
        for raw in raw_fields(system, table).take(most).take_while(|raw| !raw.is_static()) {
            let Some(element) = raw.element().filter(|_| raw.offset() < end) else { continue };
            let row = rows.as_ref().and_then(|rows| raw.row(|row| rows.contains(&row)));
            let field = metadata.zip(row).and_then(|(metadata, row)| metadata.field(row));
            let ty = match element {
                ElementType::Class | ElementType::ValueType => {
                    field.and_then(|field| self.resolve(&field_type(field.signature)?, module?, &args, 0))
                }
                _ => None,
            };
            into.push(Field {
                name: field.map(|field| field.name.to_owned()),
                declaring: table.at,
                offset: raw.offset(),
                element,
                ty: ty.and_then(|handle| match TypeHandle::from_word(handle) {
                    TypeHandle::Table(at) => Some(at),
                    TypeHandle::Desc(_) => None,
                }),
                row: row.unwrap_or(0),
            });
        }
    }

    /// Type handle of what `signature`, in the metadata of `module`, spells; `args` are the arguments of the class.
    fn resolve(&self, signature: &SignatureType, module: &LoadedModule, args: &[Addr], depth: usize) -> Option<Addr> {
        let deeper = depth.checked_add(1).filter(|&depth| depth < MOST_DEPTH)?;
        let system = &self.types.runtime().type_system;
        match signature {
            SignatureType::Simple(0x0e) => system.string_mt,
            SignatureType::Simple(0x1c) => system.object_mt,
            SignatureType::Simple(byte) => self.core_type(simple_name(*byte)?),
            SignatureType::Class(token) | SignatureType::ValueType(token) => {
                let (module, row) = self.definition(module, *token)?;
                self.types.type_defs.method_table(system.memory(), module, row)
            }
            SignatureType::Vector(element) => self.vectors.get(&self.resolve(element, module, args, deeper)?).copied(),
            SignatureType::TypeParam(number) => args.get(usize::try_from(*number).ok()?).copied(),
            SignatureType::Instance { generic, args: parts, .. } => {
                let definition = self.definition(module, *generic)?;
                let parts: Option<Vec<Addr>> =
                    parts.iter().map(|part| self.resolve(part, module, args, deeper)).collect();
                let parts = parts?;
                let instances = self.instances.get(&definition)?;
                instances.iter().find(|(args, _)| *args == parts).map(|&(_, mt)| mt)
            }
            SignatureType::Pointer(_)
            | SignatureType::ByRef(_)
            | SignatureType::Array(..)
            | SignatureType::MethodParam(_)
            | SignatureType::Function(_) => None,
        }
    }

    fn core_type(&self, name: &str) -> Option<Addr> {
        let core = self.types.core_module?;
        let &(module, row) = self.names.rows(name).iter().find(|&&(module, _)| module == core)?;
        self.types.type_defs.method_table(self.types.runtime().type_system.memory(), module, row)
    }

    /// Module and row of the type that `token` names.
    fn definition(&self, module: &LoadedModule, token: TableToken) -> Option<(Addr, u32)> {
        match token.table {
            Table::TypeDef => Some((module.at, token.row)),
            Table::TypeRef => {
                let metadata = module.metadata.as_ref().ok()?;
                let (name, scope) = metadata.type_ref_full_name(token.row)?;
                self.named(&name, wanted_assembly(metadata, scope))
            }
            _ => None,
        }
    }

    /// The type of that metadata name: of the wanted assembly; else, since references go through assemblies that only
    /// forward, of the core library; else the only one there is.
    fn named(&self, name: &str, assembly: Option<&str>) -> Option<(Addr, u32)> {
        let rows = self.names.rows(name);
        let of = |wanted: &dyn Fn(Addr) -> bool| {
            let mut fitting = rows.iter().filter(|&&(module, _)| wanted(module));
            fitting.next().filter(|_| fitting.next().is_none()).copied()
        };
        let is_wanted = |at: Addr| {
            let metadata = self.types.modules.at(at).and_then(|module| module.metadata.as_ref().ok());
            assembly.is_some() && metadata.and_then(|metadata| metadata.assembly_name()) == assembly
        };
        of(&is_wanted).or_else(|| of(&|at| Some(at) == self.types.core_module)).or_else(|| of(&|_| true))
    }
}

fn wanted_assembly(metadata: &Metadata, scope: Option<TableToken>) -> Option<&str> {
    scope.filter(|scope| scope.table == Table::AssemblyRef).and_then(|scope| metadata.assembly_ref_name(scope.row))
}

/// Core types that a signature spells with one byte (II.23.1.16).
const fn simple_name(byte: u8) -> Option<&'static str> {
    Some(match byte {
        0x02 => "System.Boolean",
        0x03 => "System.Char",
        0x04 => "System.SByte",
        0x05 => "System.Byte",
        0x06 => "System.Int16",
        0x07 => "System.UInt16",
        0x08 => "System.Int32",
        0x09 => "System.UInt32",
        0x0a => "System.Int64",
        0x0b => "System.UInt64",
        0x0c => "System.Single",
        0x0d => "System.Double",
        0x18 => "System.IntPtr",
        0x19 => "System.UIntPtr",
        _ => return None,
    })
}
