//! PE images with a CLI header (Microsoft PE/COFF specification; ECMA-335 II.25.2 and II.25.3.3).
//!
//! An image of the dead process is mapped in one of two ways: *loaded*, where a byte's RVA is its distance from the base,
//! and *flat*, where the file lies in memory as it is and RVAs go through the section table. The same reader serves files.
//!
//! Own code and not a crate: headers and sections of a mapped image are read from memory with holes.

use super::{ImageBytes, ImageError};
use crate::base::{ByteReader, FileOffset, Limits};

/// How the bytes of an image lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mapping {
    /// Sections at their virtual addresses.
    Loaded,
    /// As in the file.
    Flat,
}

/// One row of the section table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// First RVA.
    pub rva: u32,
    /// Bytes in memory.
    pub virtual_bytes: u32,
    /// First byte in the file.
    pub file_offset: u32,
    /// Bytes in the file.
    pub file_bytes: u32,
}

/// Headers of a managed PE image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeHeaders {
    /// `TimeDateStamp` of the COFF header; with [`PeHeaders::size_of_image`] the image's identity.
    pub time_stamp: u32,
    /// `SizeOfImage`.
    pub size_of_image: u32,
    /// `SizeOfHeaders`.
    pub size_of_headers: u32,
    /// COFF machine number.
    pub machine: u16,
    /// Sections in file order.
    pub sections: Vec<Section>,
    /// RVA and size of the CLI header; `None` for a native image.
    pub cli: Option<(u32, u32)>,
}

/// Index of the CLI header among the data directories (PE/COFF, optional header data directories).
const CLI_DIRECTORY: u32 = 14;
/// Most sections a PE image may have (PE/COFF: the Windows loader's limit).
const MOST_SECTIONS: u16 = 96;

fn malformed(what: &'static str, at: u64, expected: &'static str, found: impl ToString) -> ImageError {
    ImageError::Malformed { what, at: FileOffset(at), expected, found: found.to_string() }
}

fn fetch<'a>(
    bytes: &'a dyn ImageBytes,
    what: &'static str,
    at: u64,
    len: usize,
) -> Result<std::borrow::Cow<'a, [u8]>, ImageError> {
    bytes.bytes(at, len).ok_or(ImageError::Absent { what, at: FileOffset(at), len: len as u64 })
}

impl PeHeaders {
    /// Reads the headers at the start of `bytes`.
    ///
    /// # Errors
    /// [`ImageError`] when they are absent or are not those of a PE image.
    pub fn read(bytes: &dyn ImageBytes) -> Result<Self, ImageError> {
        let dos = fetch(bytes, "DOS header", 0, 64)?;
        let mut reader = ByteReader::new(&dos, FileOffset(0));
        let magic = reader.u16("DOS signature")?;
        if magic != 0x5a4d {
            return Err(malformed("DOS signature", 0, "MZ", format!("{magic:#06x}")));
        }
        reader.skip("DOS header", 58)?;
        let pe_at = u64::from(reader.u32("offset of the PE header")?);
        let coff = fetch(bytes, "PE header", pe_at, 24)?;
        let mut reader = ByteReader::new(&coff, FileOffset(pe_at));
        let signature = reader.u32("PE signature")?;
        if signature != 0x0000_4550 {
            return Err(malformed("PE signature", pe_at, "PE\\0\\0", format!("{signature:#010x}")));
        }
        let machine = reader.u16("machine")?;
        let n_sections = reader.u16("number of sections")?;
        if n_sections > MOST_SECTIONS {
            return Err(malformed("number of sections", pe_at.saturating_add(6), "at most 96", n_sections));
        }
        let time_stamp = reader.u32("time stamp")?;
        reader.skip("symbol table", 8)?;
        let optional_bytes = reader.u16("size of the optional header")?;
        let optional_at = pe_at.saturating_add(24);
        let optional = fetch(bytes, "optional header", optional_at, usize::from(optional_bytes))?;
        let mut reader = ByteReader::new(&optional, FileOffset(optional_at));
        let magic = reader.u16("optional header magic")?;
        let before_directories = match magic {
            0x10b => 96_usize,
            0x20b => 112,
            _ => return Err(malformed("optional header magic", optional_at, "0x10b or 0x20b", format!("{magic:#x}"))),
        };
        reader.skip("optional header", 54)?;
        let size_of_image = reader.u32("size of image")?;
        let size_of_headers = reader.u32("size of headers")?;
        reader.skip("optional header", before_directories.saturating_sub(68))?;
        let n_directories = reader.u32("number of data directories")?;
        let cli = if n_directories > CLI_DIRECTORY {
            reader.skip("data directories", 14 * 8)?;
            let rva = reader.u32("CLI header RVA")?;
            let size = reader.u32("CLI header size")?;
            (rva != 0).then_some((rva, size))
        } else {
            None
        };
        let sections_at = optional_at.saturating_add(u64::from(optional_bytes));
        let table = fetch(bytes, "section table", sections_at, usize::from(n_sections).saturating_mul(40))?;
        let mut reader = ByteReader::new(&table, FileOffset(sections_at));
        let mut sections = Vec::with_capacity(usize::from(n_sections));
        for _ in 0..n_sections {
            reader.skip("section name", 8)?;
            let virtual_bytes = reader.u32("section size")?;
            let rva = reader.u32("section RVA")?;
            let file_bytes = reader.u32("section file size")?;
            let file_offset = reader.u32("section file offset")?;
            reader.skip("section flags", 16)?;
            sections.push(Section { rva, virtual_bytes, file_offset, file_bytes });
        }
        Ok(Self { time_stamp, size_of_image, size_of_headers, machine, sections, cli })
    }

    /// Distance from the image's first byte to the byte at `rva`; `None` outside every section of a flat image.
    #[must_use]
    pub fn offset_of(&self, rva: u32, mapping: Mapping) -> Option<u64> {
        if mapping == Mapping::Loaded {
            return Some(u64::from(rva));
        }
        if rva < self.size_of_headers {
            return Some(u64::from(rva));
        }
        self.sections.iter().find_map(|section| {
            let within = rva.checked_sub(section.rva)?;
            (within < section.file_bytes).then(|| u64::from(section.file_offset).saturating_add(u64::from(within)))
        })
    }

    /// The distance and the size of the metadata in an image that lies as `mapping`. Reads the CLI header and the
    /// metadata's signature, so success means that both stand where `mapping` puts them.
    ///
    /// # Errors
    /// [`ImageError`] when the image is native, or its CLI header or the signature is absent or wrong.
    pub fn metadata_place(&self, bytes: &dyn ImageBytes, mapping: Mapping) -> Result<(u64, u64), ImageError> {
        let (rva, size) = self.cli.ok_or_else(|| malformed("CLI directory", 0, "a CLI header", "none"))?;
        if size < 72 {
            return Err(malformed("size of the CLI header", u64::from(rva), "72 at least", size));
        }
        let outside = |rva: u32| malformed("RVA", u64::from(rva), "inside a section", format!("{rva:#x}"));
        let cli_at = self.offset_of(rva, mapping).ok_or_else(|| outside(rva))?;
        let cli = fetch(bytes, "CLI header", cli_at, 72)?;
        let mut reader = ByteReader::new(&cli, FileOffset(cli_at));
        let cb = reader.u32("size of the CLI header")?;
        let major = reader.u16("runtime version")?;
        if !(72..=4096).contains(&cb) || major != 2 {
            return Err(malformed("CLI header", cli_at, "cb 72, version 2", format!("cb {cb}, version {major}")));
        }
        reader.skip("runtime version", 2)?;
        let metadata_rva = reader.u32("metadata RVA")?;
        let metadata_bytes = reader.u32("metadata size")?;
        let at = self.offset_of(metadata_rva, mapping).ok_or_else(|| outside(metadata_rva))?;
        let signature = fetch(bytes, "metadata signature", at, 4)?;
        if signature.as_ref() != b"BSJB" {
            return Err(malformed("metadata signature", at, "BSJB", format!("{signature:02x?}")));
        }
        Ok((at, u64::from(metadata_bytes)))
    }

    /// A copy of the metadata in an image that lies as `mapping`.
    ///
    /// # Errors
    /// As [`PeHeaders::metadata_place`], and [`ImageError::Absent`] when part of the metadata is absent.
    pub fn metadata(&self, bytes: &dyn ImageBytes, mapping: Mapping, limits: &Limits) -> Result<Vec<u8>, ImageError> {
        let (at, len) = self.metadata_place(bytes, mapping)?;
        if len > limits.metadata_bytes || len > u64::from(self.size_of_image) {
            return Err(malformed("size of the metadata", at, "at most the size of the image", len));
        }
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        Ok(fetch(bytes, "metadata", at, len)?.into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::metadata::tests::tiny_metadata;

    /// A PE32 image with one section at RVA 0x2000 and file offset 0x200 that holds CLI header and metadata.
    pub(crate) fn tiny_image(loaded: bool) -> Vec<u8> {
        let metadata = tiny_metadata();
        let mut image = vec![0_u8; 0x200];
        let mut put = |at: usize, value: &[u8]| image[at..at + value.len()].copy_from_slice(value);
        put(0, b"MZ");
        put(60, &0x80_u32.to_le_bytes());
        put(0x80, b"PE\0\0");
        put(0x84, &0x14c_u16.to_le_bytes());
        put(0x86, &1_u16.to_le_bytes());
        put(0x88, &0x1234_5678_u32.to_le_bytes());
        put(0x94, &224_u16.to_le_bytes());
        let optional = 0x98;
        put(optional, &0x10b_u16.to_le_bytes());
        put(optional + 56, &0x4000_u32.to_le_bytes());
        put(optional + 60, &0x200_u32.to_le_bytes());
        put(optional + 92, &16_u32.to_le_bytes());
        put(optional + 96 + 14 * 8, &0x2000_u32.to_le_bytes());
        put(optional + 96 + 14 * 8 + 4, &72_u32.to_le_bytes());
        let section = optional + 224;
        put(section + 8, &0x1000_u32.to_le_bytes());
        put(section + 12, &0x2000_u32.to_le_bytes());
        put(section + 16, &0x1000_u32.to_le_bytes());
        put(section + 20, &0x200_u32.to_le_bytes());
        let start = if loaded { 0x2000 } else { 0x200 };
        image.resize(start + 0x1000, 0);
        image[start..start + 4].copy_from_slice(&72_u32.to_le_bytes());
        image[start + 4..start + 6].copy_from_slice(&2_u16.to_le_bytes());
        image[start + 8..start + 12].copy_from_slice(&0x2048_u32.to_le_bytes());
        image[start + 12..start + 16].copy_from_slice(&(metadata.len() as u32).to_le_bytes());
        image[start + 72..start + 72 + metadata.len()].copy_from_slice(&metadata);
        image
    }

    #[test]
    fn metadata_is_found_in_both_mappings_and_never_in_the_wrong_one() {
        for (loaded, mapping, other) in
            [(true, Mapping::Loaded, Mapping::Flat), (false, Mapping::Flat, Mapping::Loaded)]
        {
            let image = tiny_image(loaded);
            let headers = PeHeaders::read(&image).unwrap();
            assert_eq!((headers.time_stamp, headers.size_of_image), (0x1234_5678, 0x4000));
            assert_eq!(headers.metadata(&image, mapping, &Limits::default()), Ok(tiny_metadata()));
            assert!(headers.metadata(&image, other, &Limits::default()).is_err());
        }
    }

    #[test]
    fn a_cut_image_is_absent_and_never_a_panic() {
        let image = tiny_image(false);
        for len in 0..image.len() {
            let cut = image[..len].to_vec();
            if let Ok(headers) = PeHeaders::read(&cut) {
                let _ = headers.metadata(&cut, Mapping::Flat, &Limits::default());
            }
        }
        let cut = image[..0x200 + 72 + 20].to_vec();
        let headers = PeHeaders::read(&cut).unwrap();
        let error = headers.metadata(&cut, Mapping::Flat, &Limits::default()).unwrap_err();
        assert!(error.to_string().starts_with("metadata: "), "{error}");
    }
}
