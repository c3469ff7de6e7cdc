//! The tables and pictures of the measurements are those of their data.

use book::{plots, root};
use std::fs;

#[test]
fn what_is_drawn_is_what_the_data_says() {
    let root = root().expect("a checkout");
    for (name, text) in plots::drawn(&root).expect("data") {
        let shown = fs::read_to_string(plots::folder(&root).join(&name)).unwrap_or_default();
        assert_eq!(shown, text, "{name} is not what its data says: `cargo book draw`");
    }
}
