//! What the bug museum shows is what the models say.

use book::{museum, root};
use std::collections::BTreeSet;
use std::fs;

#[test]
fn every_exhibit_fails_as_it_is_shown() {
    let root = root().expect("a checkout");
    let folder = museum::folder(&root);
    let records = museum::records(&root).expect("every mistake can be made");
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(&folder).expect("records") {
        files.insert(entry.expect("a record").file_name().to_string_lossy().into_owned());
    }
    assert_eq!(files, records.keys().cloned().collect(), "files in {}", folder.display());
    for (name, text) in records {
        let shown = fs::read_to_string(folder.join(&name)).expect("a record");
        assert_eq!(shown, text, "{name} is another now: look at it, then `cargo book record`");
    }
}
