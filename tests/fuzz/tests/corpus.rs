//! Everything in the corpus, once.

use std::fs;
use std::path::Path;
use verdict::test;

#[test]
fn nothing_in_the_corpus_breaks_a_promise() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, target) in fuzz::TARGETS {
        let entries = fs::read_dir(corpus.join(name)).expect("a folder for each target");
        let files: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
        assert!(files.len() >= 5, "the corpus of {name} has {} files", files.len());
        for file in files {
            let bytes = fs::read(&file).expect("bytes");
            // A panic says what broke, and this says with what.
            println!("{}", file.display());
            target(&bytes);
        }
    }
}

/// The empty input, every single byte, and every pair of the bytes that matter in HTTP.
#[test]
fn nothing_tiny_breaks_a_promise() {
    const BYTES: &[u8] = b"\0\t\n\r !\"#%&,-./0:;=?@A[\\]aF\x7f\xff";
    let ones = (0..=u8::MAX).map(|byte| vec![byte]);
    let pairs = BYTES.iter().flat_map(|&first| BYTES.iter().map(move |&second| vec![first, second]));
    for bytes in [vec![]].into_iter().chain(ones).chain(pairs) {
        for (_, target) in fuzz::TARGETS {
            target(&bytes);
        }
    }
}
