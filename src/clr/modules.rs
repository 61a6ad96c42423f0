//! The modules with their names, images and metadata: `Modules` is what type names, fields and statics are read through.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::Runtime;
use super::loader::ModuleList;
use super::module_files::{FileImage, ModuleFiles, file_name_of};
use super::module_image::{self, ImageAt, ImageWay};
use super::type_defs::TypeDefs;
use crate::base::{Addr, Cancelled, Job, Limits, Place, Skipped, Warnings};
use crate::image::metadata::{Metadata, Table};
use crate::image::pe::{Mapping, PeHeaders};

/// Where a module's metadata came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataSource {
    /// The dump.
    Dump,
    /// The dump: the runtime's copy of a module made at run time.
    DynamicCopy,
    /// A file on this machine, accepted by identity.
    File(PathBuf),
}

impl MetadataSource {
    /// For a person.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Dump => "dump".to_owned(),
            Self::DynamicCopy => "dump (made at run time)".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// A managed module.
#[derive(Clone, Debug)]
pub struct LoadedModule {
    /// Address of the runtime's Module.
    pub at: Addr,
    /// File name, or the assembly's name, or the address.
    pub name: String,
    /// Path as the runtime recorded it; made up in a single-file program, empty when unknown.
    pub path: String,
    /// Where its image begins; null when it has none or it was not found.
    pub image_base: Addr,
    /// Made at run time.
    pub is_dynamic: bool,
    /// Its metadata, or why there is none, in words.
    pub metadata: Result<Arc<Metadata>, String>,
    /// Where the metadata came from.
    pub source: Option<MetadataSource>,
}

impl LoadedModule {
    /// The module version id, when metadata was read.
    #[must_use]
    pub fn mvid(&self) -> Option<[u8; 16]> {
        self.metadata.as_ref().ok().and_then(|metadata| metadata.mvid())
    }
}

/// All modules, sorted by address.
#[derive(Clone, Debug, Default)]
pub struct Modules {
    list: Vec<LoadedModule>,
}

impl Modules {
    /// The module at `at`. Binary search.
    #[must_use]
    pub fn at(&self, at: Addr) -> Option<&LoadedModule> {
        self.index_of(at).and_then(|index| self.list.get(index))
    }

    /// The number of the module at `at`.
    #[must_use]
    pub fn index_of(&self, at: Addr) -> Option<usize> {
        self.list.binary_search_by_key(&at, |module| module.at).ok()
    }

    /// All, by address.
    pub fn iter(&self) -> std::slice::Iter<'_, LoadedModule> {
        self.list.iter()
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// True without modules.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Reads names, images and metadata of the modules in `list`.
    ///
    /// # Errors
    /// [`Cancelled`].
    pub(crate) fn read(
        runtime: &Runtime,
        list: &ModuleList,
        core: Option<Addr>,
        check: &IdentityCheck<'_>,
        files: &ModuleFiles<'_>,
        job: &Job,
        warnings: &mut Warnings,
    ) -> Result<Self, Cancelled> {
        let target = &runtime.target;
        let limits = &runtime.limits;
        let way = core.and_then(|core| module_image::learn_way(target, core, &list.modules, Some(files)));
        let path_way = module_image::learn_path_way(&target.memory, &list.modules, limits);
        let mut modules = Vec::with_capacity(list.modules.len());
        for &at in &list.modules {
            job.tick(1)?;
            let path = path_way.as_ref().and_then(|way| way.path(&target.memory, at, limits)).unwrap_or_default();
            let module = Reader { runtime, way: way.as_ref(), check, files, limits }.module(at, path);
            // Without a loaded type nothing is lost: facades only forward.
            let is_used = !check.type_defs.loaded(&target.memory, at).is_empty();
            if let (Err(why), true) = (&module.metadata, is_used || check.type_defs.map.is_none()) {
                warnings.skip(Skipped::Module, Some(Place::Target(at)), why);
            }
            modules.push(module);
        }
        modules.sort_by_key(|module| module.at);
        Ok(Self { list: modules })
    }
}

/// Checks a file whose headers cannot be compared with the dump's: against what the runtime itself knows of the types.
pub(crate) struct IdentityCheck<'a> {
    /// TypeDef rows and their maps.
    pub(crate) type_defs: TypeDefs,
    /// Says of a module and a candidate's metadata how many facts agree, or the first that does not.
    pub(crate) facts: &'a dyn Fn(Addr, &Metadata) -> Result<usize, String>,
}

impl std::fmt::Debug for IdentityCheck<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdentityCheck").field("type_defs", &self.type_defs).finish_non_exhaustive()
    }
}

struct Reader<'a> {
    runtime: &'a Runtime,
    way: Option<&'a ImageWay>,
    check: &'a IdentityCheck<'a>,
    files: &'a ModuleFiles<'a>,
    limits: &'a Limits,
}

impl Reader<'_> {
    fn module(&self, at: Addr, path: String) -> LoadedModule {
        let target = &self.runtime.target;
        let image = self.way.and_then(|way| way.image(target, at, Some(self.files)));
        let mut module = LoadedModule {
            at,
            name: file_name_of(&path).to_owned(),
            path,
            image_base: image.as_ref().map_or(Addr::NULL, |(base, _)| *base),
            is_dynamic: false,
            metadata: Err(String::new()),
            source: None,
        };
        let found = match image {
            Some((_, ImageAt::Headers(_))) | None => self.find_metadata(&mut module),
            Some((_, ImageAt::File(path))) => {
                if module.path.is_empty() {
                    module.name = file_name_of(&path).to_owned();
                    module.path = path.to_string();
                }
                self.find_file(at, &path, None, 0)
            }
            Some((_, ImageAt::Bundled { path, offset })) => self.find_file(at, &path, None, offset),
        };
        match found {
            Ok((metadata, source)) => {
                module.is_dynamic |= source == MetadataSource::DynamicCopy;
                if module.name.is_empty() {
                    // A module made at run time has one made-up file name for all; its assembly's name tells it apart.
                    let (first, second) = (metadata.module_name(), metadata.assembly_name());
                    let name = if module.is_dynamic { second.or(first) } else { first.or(second) };
                    module.name = name.map_or_else(|| format!("module at {at}"), str::to_owned);
                }
                module.metadata = Ok(Arc::new(metadata));
                module.source = Some(source);
            }
            Err(why) => {
                if module.name.is_empty() {
                    module.name = format!("module at {at}");
                }
                module.metadata = Err(format!("metadata of {} is not in the dump: {why}", module.name));
            }
        }
        module
    }

    /// Metadata in the dump in any of the module's images; the runtime's copy of a module without one; a file.
    fn find_metadata(&self, module: &mut LoadedModule) -> Result<(Metadata, MetadataSource), String> {
        let memory = &self.runtime.target.memory;
        let mut identity = None;
        let mut why = None;
        let bases = self.way.map(|way| way.bases(memory, module.at)).unwrap_or_default();
        for base in bases {
            let Some(ImageAt::Headers(headers)) = module_image::image_at(&self.runtime.target, base, Some(self.files))
            else {
                continue;
            };
            match module_image::metadata_in_dump(memory, base, &headers, self.limits) {
                Ok((bytes, _)) => match Metadata::read(bytes.into()) {
                    Ok(metadata) => {
                        module.image_base = base;
                        return Ok((metadata, MetadataSource::Dump));
                    }
                    Err(error) => why = why.or(Some(error.to_string())),
                },
                Err(error) => why = why.or(Some(error)),
            }
            identity.get_or_insert((headers.time_stamp, headers.size_of_image));
        }
        if identity.is_none()
            && let Some(bytes) = module_image::dynamic_metadata(memory, module.at, self.limits)
        {
            module.is_dynamic = true;
            return Metadata::read(bytes.into())
                .map(|metadata| (metadata, MetadataSource::DynamicCopy))
                .map_err(|error| error.to_string());
        }
        let why = why.unwrap_or_else(|| "it has no image there".to_owned());
        if module.path.is_empty() {
            return Err(why);
        }
        self.find_file(module.at, &module.path, identity, 0).map_err(|file| format!("{why}; {file}"))
    }

    /// The first file of that name whose identity fits.
    fn find_file(
        &self,
        at: Addr,
        path: &str,
        identity: Option<(u32, u32)>,
        start: u64,
    ) -> Result<(Metadata, MetadataSource), String> {
        let name = file_name_of(path);
        let mut why = format!("no file {name} at its path or in the module folders");
        for candidate in self.files.candidates(path) {
            let path = candidate.path.clone();
            let image = FileImage { file: candidate, start };
            match self.read_file(at, &image, identity) {
                Ok(metadata) => return Ok((metadata, MetadataSource::File(path))),
                Err(error) => why = format!("{error}: {}", path.display()),
            }
        }
        Err(why)
    }

    fn read_file(&self, at: Addr, image: &FileImage, identity: Option<(u32, u32)>) -> Result<Metadata, String> {
        let headers = PeHeaders::read(image).map_err(|error| error.to_string())?;
        if let Some((time_stamp, size)) = identity
            && (headers.time_stamp, headers.size_of_image) != (time_stamp, size)
        {
            return Err(format!(
                "another build, with time stamp {:#010x} and size {} instead of {time_stamp:#010x} and {size}",
                headers.time_stamp, headers.size_of_image
            ));
        }
        let bytes = headers.metadata(image, Mapping::Flat, self.limits).map_err(|error| error.to_string())?;
        let metadata = Metadata::read(bytes.into()).map_err(|error| error.to_string())?;
        // Without headers in the dump the runtime's own view of the types is the identity.
        if identity.is_none() {
            let n = (self.check.facts)(at, &metadata).map_err(|error| format!("another build, {error}"))?;
            if n == 0 {
                return Err("nothing in the dump tells whether it is the right build".to_owned());
            }
        }
        Ok(metadata)
    }
}

/// Names of types by module and row, for finding a row by its name.
#[derive(Debug, Default)]
pub(crate) struct NameIndex {
    by_name: BTreeMap<String, Vec<(Addr, u32)>>,
}

impl NameIndex {
    /// All TypeDef rows of all modules. One pass over the metadata.
    pub(crate) fn new(modules: &Modules) -> Self {
        let mut by_name: BTreeMap<String, Vec<(Addr, u32)>> = BTreeMap::new();
        for module in modules.iter() {
            let Ok(metadata) = &module.metadata else { continue };
            for row in 1..=metadata.n_rows(Table::TypeDef) {
                if let Some(name) = metadata.full_name(row) {
                    by_name.entry(name).or_default().push((module.at, row));
                }
            }
        }
        Self { by_name }
    }

    /// Rows of that metadata name.
    pub(crate) fn rows(&self, name: &str) -> &[(Addr, u32)] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }
}
