//! Assemblies on this machine, as images: the files that [`ImageFolders`] offers, each opened once.
//!
//! A file is offered by name here and accepted elsewhere only by identity.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::module_image::Bundle;
use crate::image::ImageBytes;
use crate::image::pe::PeHeaders;
use crate::target::images::{ImageFile, ImageFolders};

/// Files by the path that the dump records.
#[derive(Debug)]
pub(crate) struct ModuleFiles<'a> {
    folders: &'a ImageFolders,
    open: Mutex<BTreeMap<String, Vec<ImageFile>>>,
}

/// An image in a file, from one of its bytes on.
#[derive(Clone, Debug)]
pub(crate) struct FileImage {
    pub(crate) file: ImageFile,
    pub(crate) start: u64,
}

impl ImageBytes for FileImage {
    fn bytes(&self, offset: u64, len: usize) -> Option<Cow<'_, [u8]>> {
        self.file.map.bytes().bytes(self.start.checked_add(offset)?, len)
    }
}

/// The last part of a path of either system.
pub(crate) fn file_name_of(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

impl<'a> ModuleFiles<'a> {
    pub(crate) fn new(folders: &'a ImageFolders) -> Self {
        Self { folders, open: Mutex::default() }
    }

    /// Files that may be the one at `path` of the dead process.
    pub(crate) fn candidates(&self, path: &str) -> Vec<ImageFile> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(files) = open.get(path) {
            return files.clone();
        }
        let mut files = Vec::new();
        let _: Option<()> = self.folders.find(path, |file| {
            files.push(file.clone());
            None
        });
        open.insert(path.to_owned(), files.clone());
        files
    }
}

impl Bundle for ModuleFiles<'_> {
    fn is_image(&self, path: &str, offset: u64) -> bool {
        self.candidates(path)
            .into_iter()
            .any(|file| PeHeaders::read(&FileImage { file, start: offset }).is_ok_and(|headers| headers.cli.is_some()))
    }
}
