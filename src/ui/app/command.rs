//! Everything the window can be told to do. Menus, keys and the palette are made from it; views send it and never change
//! anything themselves.

use std::cell::RefCell;
use std::path::PathBuf;

use eframe::egui;
use egui::{Key, KeyboardShortcut, Modifiers};

use crate::analysis::Ignore;
use crate::ui::icons;
use crate::ui::model::types::{Grouping, Liveness};
use crate::ui::place::{Place, View};
use crate::ui::theme::ThemeChoice;

/// What a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The whole window.
    Window,
    /// The pane that keys go to.
    Pane,
    /// The paths of the object, in full length.
    Path,
}

impl Subject {
    /// All, in the order of the sheet.
    pub const ALL: [Self; 3] = [Self::Window, Self::Pane, Self::Path];

    /// Word of the sheet.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Window => "Whole window",
            Self::Pane => "This pane",
            Self::Path => "Path, full length",
        }
    }
}

/// A finding in its view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// This group of event handlers; ticked, to see what comes back when it goes.
    Event {
        /// Which.
        group: usize,
        /// Tick it.
        is_ticked: bool,
    },
    /// This suspect.
    Suspect(usize),
    /// This inspection.
    Inspection(usize),
    /// This object of the dominator tree.
    Holder(crate::snapshot::ObjectId),
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Ask for a dump.
    Open,
    /// Open this file.
    OpenPath(PathBuf),
    /// Open the dump that comes with the program.
    OpenSample,
    /// Leave the dump.
    Close,
    /// Take a file out of the recent ones.
    ForgetRecent(PathBuf),
    /// Ask for a folder with assemblies.
    AddFolder,
    /// Read the dump again, looking for assemblies there too.
    AddFolders(Vec<PathBuf>),
    /// Stop the job that runs.
    Cancel,
    /// Read the dump again after a stop.
    RunAgain,
    /// Go to a place; back leads here.
    Go(Place),
    /// Go to a place as the next step of the same move.
    Follow(Place),
    /// Open a place in a tab behind this one.
    GoBehind(Place),
    /// Go to a view.
    Show(View),
    /// Go to a finding.
    ShowFinding(Finding),
    /// Try out what is left without these.
    Ignore(Vec<Ignore>),
    /// Try out what is left without what this text says.
    IgnoreText(String),
    /// No longer ignore one of them.
    Restore(usize),
    /// Ignore nothing.
    RestoreAll,
    /// One step back.
    Back,
    /// One step forward.
    Forward,
    /// Another tab.
    SelectTab(usize),
    /// Away with a tab.
    CloseTab(usize),
    /// To the clipboard.
    Copy(String),
    /// The place as text to the clipboard.
    CopyPlace,
    /// Put the keys into the filter of this pane.
    FocusFilter,
    /// Filter types by this text.
    FilterTypes(String),
    /// Gather types.
    Group(Grouping),
    /// Count all, live or dead objects.
    Count(Liveness),
    /// Hide or show the framework's types.
    JustMyCode(bool),
    /// To the next pane.
    NextPane,
    /// Ask which picture.
    Picture,
    /// Make a picture: of what, pixels per point, into a file or the clipboard.
    TakePicture(Subject, f32, Option<PathBuf>),
    /// Ask for a file for a picture.
    PictureFile(Subject, f32),
    /// Type, address or command.
    Palette,
    /// Ask for an address.
    AskAddress,
    /// All keys.
    Keys,
    /// Larger.
    ZoomIn,
    /// Smaller.
    ZoomOut,
    /// As at first.
    ZoomReset,
    /// Colours.
    Theme(ThemeChoice),
    /// End the program.
    Quit,
}

const CTRL: Modifiers = Modifiers::COMMAND;
const CTRL_SHIFT: Modifiers = Modifiers { shift: true, ..Modifiers::COMMAND };

impl Command {
    /// Those that need nothing to be told: for menus, keys and the palette.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::Open, Self::OpenSample, Self::AddFolder, Self::Close, Self::Back, Self::Forward];
        all.extend(View::all().map(Self::Show));
        all.extend([
            Self::Palette,
            Self::AskAddress,
            Self::FocusFilter,
            Self::NextPane,
            Self::CopyPlace,
            Self::Picture,
            Self::JustMyCode(true),
            Self::JustMyCode(false),
        ]);
        all.extend(Grouping::ALL.map(Self::Group));
        all.extend(Liveness::ALL.map(Self::Count));
        all.extend([Self::ZoomIn, Self::ZoomOut, Self::ZoomReset]);
        all.extend(ThemeChoice::ALL.map(Self::Theme));
        all.extend([Self::Cancel, Self::Keys, Self::Quit]);
        all
    }

    /// Its words in menus and the palette.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Open => "Open dump…".to_owned(),
            Self::OpenPath(path) => format!("Open {}", path.display()),
            Self::OpenSample => "Open the sample".to_owned(),
            Self::Close => "Close the dump".to_owned(),
            Self::ForgetRecent(_) => "Remove from this list".to_owned(),
            Self::AddFolder => "Add module folder…".to_owned(),
            Self::AddFolders(_) => "Add module folders".to_owned(),
            Self::Cancel => "Cancel the job".to_owned(),
            Self::RunAgain => "Run again".to_owned(),
            Self::Go(_) | Self::Follow(_) | Self::ShowFinding(_) => "Go".to_owned(),
            Self::GoBehind(_) => "Open behind".to_owned(),
            Self::Show(view) => format!("Show {}", view.label()),
            Self::Ignore(_) | Self::IgnoreText(_) => "Ignore".to_owned(),
            Self::Restore(_) => "Restore".to_owned(),
            Self::RestoreAll => "Ignore nothing any more".to_owned(),
            Self::Back => "Back".to_owned(),
            Self::Forward => "Forward".to_owned(),
            Self::SelectTab(tab) => format!("Tab {}", tab + 1),
            Self::CloseTab(_) => "Close this tab".to_owned(),
            Self::Copy(_) => "Copy".to_owned(),
            Self::CopyPlace => "Copy this place".to_owned(),
            Self::FocusFilter => "Filter this pane".to_owned(),
            Self::FilterTypes(text) => format!("Filter types by {text}"),
            Self::Group(grouping) => format!("Types: {}", grouping.label().to_lowercase()),
            Self::Count(liveness) => format!("Types: {}", liveness.label().to_lowercase()),
            Self::JustMyCode(true) => "Types: just my code".to_owned(),
            Self::JustMyCode(false) => "Types: all code".to_owned(),
            Self::NextPane => "Next pane".to_owned(),
            Self::Picture => "Save a picture…".to_owned(),
            Self::TakePicture(..) | Self::PictureFile(..) => "Save the picture".to_owned(),
            Self::Palette => "Type, address or command".to_owned(),
            Self::AskAddress => "Go to address…".to_owned(),
            Self::Keys => "All keys".to_owned(),
            Self::ZoomIn => "Zoom in".to_owned(),
            Self::ZoomOut => "Zoom out".to_owned(),
            Self::ZoomReset => "Zoom 100 %".to_owned(),
            Self::Theme(theme) => format!("{} theme", theme.label()),
            Self::Quit => "Quit".to_owned(),
        }
    }

    /// Its icon in menus and the palette.
    #[must_use]
    pub const fn icon(&self) -> Option<char> {
        Some(match self {
            Self::Open | Self::OpenPath(_) => icons::FOLDER_OPEN,
            Self::OpenSample => icons::FLASK,
            Self::AddFolder | Self::AddFolders(_) => icons::FOLDER_PLUS,
            Self::Cancel | Self::Close | Self::CloseTab(_) => icons::X,
            Self::RunAgain => icons::ARROWS_CLOCKWISE,
            Self::Show(view) => view.icon(),
            Self::Back => icons::ARROW_LEFT,
            Self::Forward => icons::ARROW_RIGHT,
            Self::Copy(_) | Self::CopyPlace => icons::COPY,
            Self::FocusFilter | Self::FilterTypes(_) => icons::FUNNEL_SIMPLE,
            Self::JustMyCode(_) => icons::USER,
            Self::Group(_) => icons::ROWS,
            Self::Count(_) => icons::RECYCLE,
            Self::Picture | Self::TakePicture(..) | Self::PictureFile(..) => icons::CAMERA,
            Self::Palette => icons::MAGNIFYING_GLASS,
            Self::AskAddress => icons::CROSSHAIR,
            Self::Keys => icons::KEYBOARD,
            Self::ZoomIn => icons::MAGNIFYING_GLASS_PLUS,
            Self::ZoomOut => icons::MAGNIFYING_GLASS_MINUS,
            Self::Theme(ThemeChoice::Light) => icons::SUN,
            Self::Theme(ThemeChoice::Dark) => icons::MOON,
            Self::Theme(ThemeChoice::System) => icons::DESKTOP,
            _ => return None,
        })
    }

    /// Its keys.
    #[must_use]
    pub fn shortcut(&self) -> Option<KeyboardShortcut> {
        let keys = |modifiers, key| Some(KeyboardShortcut::new(modifiers, key));
        match self {
            Self::Open => keys(CTRL, Key::O),
            Self::Close => keys(CTRL, Key::W),
            Self::Quit => keys(CTRL, Key::Q),
            Self::Back => keys(Modifiers::ALT, Key::ArrowLeft),
            Self::Forward => keys(Modifiers::ALT, Key::ArrowRight),
            Self::Show(view) => {
                const DIGITS: [Key; 9] =
                    [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8, Key::Num9];
                let index = View::all().position(|other| other == *view)?;
                keys(CTRL, *DIGITS.get(index)?)
            }
            Self::Palette => keys(CTRL, Key::K),
            Self::AskAddress => keys(CTRL, Key::G),
            Self::FocusFilter => keys(Modifiers::NONE, Key::Slash),
            Self::NextPane => keys(Modifiers::NONE, Key::F6),
            Self::CopyPlace => keys(CTRL, Key::L),
            Self::Picture => keys(CTRL_SHIFT, Key::S),
            Self::ZoomIn => keys(CTRL, Key::Plus),
            Self::ZoomOut => keys(CTRL, Key::Minus),
            Self::ZoomReset => keys(CTRL, Key::Num0),
            Self::Keys => keys(Modifiers::NONE, Key::F1),
            _ => None,
        }
    }

    /// Does it need an open dump.
    #[must_use]
    pub const fn needs_dump(&self) -> bool {
        matches!(
            self,
            Self::Close
                | Self::AddFolder
                | Self::Show(_)
                | Self::Back
                | Self::Forward
                | Self::AskAddress
                | Self::FocusFilter
                | Self::NextPane
                | Self::CopyPlace
                | Self::JustMyCode(_)
                | Self::Group(_)
                | Self::Count(_)
                | Self::Cancel
        )
    }
}

/// Where views put what they want done. Emptied once per frame.
#[derive(Debug, Default)]
pub struct Outbox(RefCell<Vec<Command>>);

impl Outbox {
    /// Puts a command in.
    pub fn send(&self, command: Command) {
        self.0.borrow_mut().push(command);
    }

    /// Takes all, in order.
    #[must_use]
    pub fn take(&self) -> Vec<Command> {
        self.0.take()
    }

    /// Is there none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn no_two_commands_share_their_keys_or_words() {
        let mut keys = HashMap::new();
        let mut words = HashMap::new();
        for command in Command::all() {
            if let Some(shortcut) = command.shortcut() {
                let other = keys
                    .insert((shortcut.logical_key, shortcut.modifiers.shift, shortcut.modifiers.alt), command.clone());
                assert_eq!(other, None, "{shortcut:?} of {command:?}");
            }
            assert_eq!(words.insert(command.label(), command.clone()), None);
        }
    }
}
