//! How wide and how long an explanation may be.

/// The environment variable that tells a model how wide its lanes may be.
pub const LANES_WIDTH: &str = "LANES_WIDTH";
/// The environment variable that tells a model how many steps to show.
pub const LANES_STEPS: &str = "LANES_STEPS";

/// The indentation of "What happened", in columns.
pub(crate) const INDENT: usize = 2;

/// How an explanation is shown.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// How wide it may be, in columns.
    pub width: usize,
    /// Show all of it, however long it is.
    pub whole: bool,
}

impl Default for View {
    /// For a reader whose terminal is unknown.
    fn default() -> View {
        View { width: 80, whole: false }
    }
}

impl View {
    /// How wide the lanes of a model may be, which are indented.
    pub fn lanes_width(self) -> usize {
        self.width - INDENT
    }
}
