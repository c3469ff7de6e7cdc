//! How wide and how long an explanation may be.

/// The environment variable that tells a model how wide its lanes may be.
pub const LANES_WIDTH: &str = "LANES_WIDTH";
/// The environment variable that tells a model how many steps to show.
pub const LANES_STEPS: &str = "LANES_STEPS";

/// How far in what happened stands.
pub(crate) const INDENT: usize = 2;

/// How an explanation is shown.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// How wide it may be.
    pub width: usize,
    /// Everything that was said, however long it is.
    pub whole: bool,
}

impl Default for View {
    /// For a reader of whose terminal nothing is known.
    fn default() -> View {
        View { width: 80, whole: false }
    }
}

impl View {
    /// How wide the lanes of a model may be, which stand further in.
    pub fn lanes_width(self) -> usize {
        self.width - INDENT
    }
}
