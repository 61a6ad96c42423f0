//! What the window remembers: recent files, theme, zoom, size, splitters. A small file of its own, written at once when
//! something changes, because the toolkit writes only on a clean end.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::theme::ThemeChoice;

/// First share of the width for the left pane.
pub const SPLIT_X: f32 = 0.498;
/// First share of the height for the upper pane.
pub const SPLIT_Y: f32 = 0.392;

/// A dump that was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecentFile {
    /// Where.
    pub path: PathBuf,
    /// `.NET 10.0.12, Linux x64`; empty when it was not read to that point.
    pub what: String,
    /// Its size.
    pub bytes: u64,
    /// What was found: `1 event leak`, `21,729 objects`.
    pub result: String,
}

/// What the window remembers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Light, dark, or as the desktop.
    pub theme: ThemeChoice,
    /// Factor on all sizes, 0.75 to 2.
    pub zoom: f32,
    /// Latest first.
    pub recent: Vec<RecentFile>,
    /// Size of the window in points, once it was changed.
    pub window: Option<[f32; 2]>,
    /// Share of the width that the left pane takes.
    pub split_x: f32,
    /// Share of the height that the upper pane takes.
    pub split_y: f32,
    /// Hide the framework's types.
    pub just_my_code: bool,
    /// Scale of saved pictures.
    pub picture_scale: f32,
    /// Where the file is; nothing is written without one.
    #[serde(skip)]
    file: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: ThemeChoice::System,
            zoom: 1.0,
            recent: Vec::new(),
            window: None,
            split_x: SPLIT_X,
            split_y: SPLIT_Y,
            just_my_code: false,
            picture_scale: 2.0,
            file: None,
        }
    }
}

impl Settings {
    /// Files remembered.
    const RECENT: usize = 12;
    /// Largest settings file that is read: a longer one is not ours.
    const MAX_BYTES: u64 = 1 << 20;

    /// The settings in the system's place for them; the default ones when there are none or they cannot be read.
    #[must_use]
    pub fn load() -> Self {
        let Some(file) = eframe::storage_dir("heaproot").map(|folder| folder.join("settings.json")) else {
            return Self::default();
        };
        let mut settings = Self::read(&file).unwrap_or_else(|err| {
            if err.kind() != io::ErrorKind::NotFound {
                tracing::warn!("settings not read, the default ones are used: {err}");
            }
            Self::default()
        });
        settings.file = Some(file);
        settings
    }

    fn read(file: &Path) -> io::Result<Self> {
        if std::fs::metadata(file)?.len() > Self::MAX_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is too long"));
        }
        let text = std::fs::read_to_string(file)?;
        let mut settings: Self = serde_json::from_str(&text).map_err(io::Error::other)?;
        settings.zoom = clamp(settings.zoom, 0.75, 2.0, 1.0);
        settings.split_x = clamp(settings.split_x, 0.1, 0.9, SPLIT_X);
        settings.split_y = clamp(settings.split_y, 0.1, 0.9, SPLIT_Y);
        settings.picture_scale = clamp(settings.picture_scale, 1.0, 2.0, 2.0);
        settings.recent.truncate(Self::RECENT);
        Ok(settings)
    }

    /// Writes the file now.
    pub fn save(&self) {
        let Some(file) = &self.file else { return };
        if let Err(err) = self.write(file) {
            tracing::warn!("settings not written: {err}");
        }
    }

    fn write(&self, file: &Path) -> io::Result<()> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let part = file.with_extension("json.part");
        std::fs::write(&part, serde_json::to_string_pretty(self).map_err(io::Error::other)?)?;
        std::fs::rename(&part, file)
    }

    /// Puts a file at the head of the recent ones and writes the settings.
    pub fn remember(&mut self, recent: RecentFile) {
        self.recent.retain(|known| known.path != recent.path);
        self.recent.insert(0, recent);
        self.recent.truncate(Self::RECENT);
        self.save();
    }

    /// Takes a file out of the recent ones.
    pub fn forget(&mut self, path: &Path) {
        self.recent.retain(|known| known.path != path);
        self.save();
    }
}

fn clamp(value: f32, low: f32, high: f32, default: f32) -> f32 {
    if value.is_finite() { value.clamp(low, high) } else { default }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_files_come_back_once_and_latest_first() {
        let folder = std::env::temp_dir().join(format!("heaproot-settings-{}", std::process::id()));
        let file = folder.join("settings.json");
        let mut settings = Settings { file: Some(file.clone()), ..Settings::default() };
        for name in ["a", "b", "a"] {
            settings.remember(RecentFile { path: name.into(), ..RecentFile::default() });
        }
        let read = Settings::read(&file).unwrap();
        assert_eq!(read.recent.iter().map(|recent| recent.path.as_os_str()).collect::<Vec<_>>(), ["a", "b"]);
        std::fs::write(&file, "{\"zoom\": 1e9, \"recent\": 3").unwrap();
        assert!(Settings::read(&file).is_err());
        std::fs::write(&file, "{\"zoom\": 1e9}").unwrap();
        assert_eq!(Settings::read(&file).unwrap().zoom, 2.0);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
