//! The tables and pictures of the measurements are those of their data, the picture of the crates is that of cargo, and
//! the prediction sheets ask what the chapters ask.

use book::{circles, crates, plots, root, sheets};
use std::fs;

#[test]
fn what_is_drawn_is_what_the_data_says() {
    let root = root().expect("a checkout");
    for (name, text) in plots::drawn(&root).expect("data") {
        let shown = fs::read_to_string(plots::folder(&root).join(&name)).unwrap_or_default();
        assert_eq!(shown, text, "{name} is not what its data says: `cargo book draw`");
    }
}

#[test]
fn the_picture_of_the_crates_is_what_cargo_says() {
    let root = root().expect("a checkout");
    for (path, text) in crates::drawn(&root).expect("the crates") {
        let shown = fs::read_to_string(root.join(&path)).unwrap_or_default();
        assert!(shown == text, "{} does not show the crates as they are: `cargo book draw`", path.display());
    }
}

#[test]
fn the_prediction_sheets_ask_what_the_chapters_ask() {
    let root = root().expect("a checkout");
    let (path, text) = sheets::drawn(&root).expect("the sheets");
    let shown = fs::read_to_string(root.join(&path)).unwrap_or_default();
    assert!(shown == text, "{} does not ask what the chapters ask: `cargo book draw`", path.display());
}

#[test]
fn no_two_modules_of_a_crate_import_each_other() {
    let circles = circles::circles(&root().expect("a checkout")).expect("the crates");
    assert!(circles.is_empty(), "modules that import each other in a circle:\n{}", circles.join("\n"));
}
