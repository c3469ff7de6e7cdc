//! The show: seven acts in a terminal, each of which promises something, shows it, and checks that it was seen.
//!
//! ```text
//!   main.rs     the flags, the key that starts an act
//!   acts/       the seven acts
//!   show.rs     what an act has: six servers, the screen, a table
//!   summary.rs  what was shown, as Markdown and as a picture
//! ```

pub mod acts;
pub mod show;
pub mod summary;
