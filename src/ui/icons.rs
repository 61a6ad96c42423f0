//! The icons, by name: code points of the Phosphor subset in `assets/fonts` (see the README there).

/// The glyph `anchor`.
pub const ANCHOR: char = '\u{e514}';
/// The glyph `arrow-bend-down-right`.
pub const ARROW_BEND_DOWN_RIGHT: char = '\u{e01a}';
/// The glyph `arrow-counter-clockwise`.
pub const ARROW_COUNTER_CLOCKWISE: char = '\u{e038}';
/// The glyph `arrow-elbow-down-right`.
pub const ARROW_ELBOW_DOWN_RIGHT: char = '\u{e046}';
/// The glyph `arrow-left`.
pub const ARROW_LEFT: char = '\u{e058}';
/// The glyph `arrow-right`.
pub const ARROW_RIGHT: char = '\u{e06c}';
/// The glyph `arrow-square-out`.
pub const ARROW_SQUARE_OUT: char = '\u{e5de}';
/// The glyph `arrows-clockwise`.
pub const ARROWS_CLOCKWISE: char = '\u{e094}';
/// The glyph `arrows-out`.
pub const ARROWS_OUT: char = '\u{e0a2}';
/// The glyph `binoculars`.
pub const BINOCULARS: char = '\u{ea64}';
/// The glyph `brackets-curly`.
pub const BRACKETS_CURLY: char = '\u{e860}';
/// The glyph `camera`.
pub const CAMERA: char = '\u{e10e}';
/// The glyph `caret-double-down`.
pub const CARET_DOUBLE_DOWN: char = '\u{e126}';
/// The glyph `caret-down`.
pub const CARET_DOWN: char = '\u{e136}';
/// The glyph `caret-left`.
pub const CARET_LEFT: char = '\u{e138}';
/// The glyph `caret-right`.
pub const CARET_RIGHT: char = '\u{e13a}';
/// The glyph `caret-up`.
pub const CARET_UP: char = '\u{e13c}';
/// The glyph `check`.
pub const CHECK: char = '\u{e182}';
/// The glyph `check-circle`.
pub const CHECK_CIRCLE: char = '\u{e184}';
/// The glyph `circle`.
pub const CIRCLE: char = '\u{e18a}';
/// The glyph `clipboard-text`.
pub const CLIPBOARD_TEXT: char = '\u{e198}';
/// The glyph `clock`.
pub const CLOCK: char = '\u{e19a}';
/// The glyph `code`.
pub const CODE: char = '\u{e1bc}';
/// The glyph `copy`.
pub const COPY: char = '\u{e1ca}';
/// The glyph `cpu`.
pub const CPU: char = '\u{e610}';
/// The glyph `crosshair`.
pub const CROSSHAIR: char = '\u{e1d6}';
/// The glyph `cube`.
pub const CUBE: char = '\u{e1da}';
/// The glyph `database`.
pub const DATABASE: char = '\u{e1de}';
/// The glyph `desktop`.
pub const DESKTOP: char = '\u{e560}';
/// The glyph `dots-three`.
pub const DOTS_THREE: char = '\u{e1fe}';
/// The glyph `download-simple`.
pub const DOWNLOAD_SIMPLE: char = '\u{e20c}';
/// The glyph `eye`.
pub const EYE: char = '\u{e220}';
/// The glyph `eye-slash`.
pub const EYE_SLASH: char = '\u{e224}';
/// The glyph `file`.
pub const FILE: char = '\u{e230}';
/// The glyph `fingerprint`.
pub const FINGERPRINT: char = '\u{e23e}';
/// The glyph `flask`.
pub const FLASK: char = '\u{e79e}';
/// The glyph `folder-open`.
pub const FOLDER_OPEN: char = '\u{e256}';
/// The glyph `folder-plus`.
pub const FOLDER_PLUS: char = '\u{e258}';
/// The glyph `funnel`.
pub const FUNNEL: char = '\u{e266}';
/// The glyph `funnel-simple`.
pub const FUNNEL_SIMPLE: char = '\u{e268}';
/// The glyph `gauge`.
pub const GAUGE: char = '\u{e628}';
/// The glyph `gear`.
pub const GEAR: char = '\u{e270}';
/// The glyph `git-diff`.
pub const GIT_DIFF: char = '\u{e27c}';
/// The glyph `hard-drives`.
pub const HARD_DRIVES: char = '\u{e2a0}';
/// The glyph `hash`.
pub const HASH: char = '\u{e2a2}';
/// The glyph `hourglass`.
pub const HOURGLASS: char = '\u{e2b2}';
/// The glyph `image`.
pub const IMAGE: char = '\u{e2ca}';
/// The glyph `info`.
pub const INFO: char = '\u{e2ce}';
/// The glyph `keyboard`.
pub const KEYBOARD: char = '\u{e2d8}';
/// The glyph `lightning`.
pub const LIGHTNING: char = '\u{e2de}';
/// The glyph `link`.
pub const LINK: char = '\u{e2e2}';
/// The glyph `list`.
pub const LIST: char = '\u{e2f0}';
/// The glyph `list-dashes`.
pub const LIST_DASHES: char = '\u{e2f4}';
/// The glyph `list-magnifying-glass`.
pub const LIST_MAGNIFYING_GLASS: char = '\u{ebe0}';
/// The glyph `magnifying-glass`.
pub const MAGNIFYING_GLASS: char = '\u{e30c}';
/// The glyph `magnifying-glass-minus`.
pub const MAGNIFYING_GLASS_MINUS: char = '\u{e30e}';
/// The glyph `magnifying-glass-plus`.
pub const MAGNIFYING_GLASS_PLUS: char = '\u{e310}';
/// The glyph `minus`.
pub const MINUS: char = '\u{e32a}';
/// The glyph `moon`.
pub const MOON: char = '\u{e330}';
/// The glyph `prohibit`.
pub const PROHIBIT: char = '\u{e3de}';
/// The glyph `push-pin`.
pub const PUSH_PIN: char = '\u{e3e2}';
/// The glyph `question`.
pub const QUESTION: char = '\u{e3e8}';
/// The glyph `recycle`.
pub const RECYCLE: char = '\u{e75a}';
/// The glyph `rows`.
pub const ROWS: char = '\u{e5a2}';
/// The glyph `share-network`.
pub const SHARE_NETWORK: char = '\u{e408}';
/// The glyph `shield-check`.
pub const SHIELD_CHECK: char = '\u{e40c}';
/// The glyph `shield-warning`.
pub const SHIELD_WARNING: char = '\u{e412}';
/// The glyph `squares-four`.
pub const SQUARES_FOUR: char = '\u{e464}';
/// The glyph `stack`.
pub const STACK: char = '\u{e466}';
/// The glyph `sun`.
pub const SUN: char = '\u{e472}';
/// The glyph `table`.
pub const TABLE: char = '\u{e476}';
/// The glyph `terminal`.
pub const TERMINAL: char = '\u{e47e}';
/// The glyph `text-t`.
pub const TEXT_T: char = '\u{e48a}';
/// The glyph `trash`.
pub const TRASH: char = '\u{e4a6}';
/// The glyph `tray-arrow-down`.
pub const TRAY_ARROW_DOWN: char = '\u{e010}';
/// The glyph `tree-structure`.
pub const TREE_STRUCTURE: char = '\u{e67c}';
/// The glyph `user`.
pub const USER: char = '\u{e4c2}';
/// The glyph `warning`.
pub const WARNING: char = '\u{e4e0}';
/// The glyph `warning-circle`.
pub const WARNING_CIRCLE: char = '\u{e4e2}';
/// The glyph `warning-diamond`.
pub const WARNING_DIAMOND: char = '\u{e7fc}';
/// The glyph `waveform`.
pub const WAVEFORM: char = '\u{e802}';
/// The glyph `x`.
pub const X: char = '\u{e4f6}';
/// The glyph `x-circle`.
pub const X_CIRCLE: char = '\u{e4f8}';
