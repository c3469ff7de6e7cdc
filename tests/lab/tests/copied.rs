//! A checkout that was copied together with what was built in it.

use std::fs;
use std::path::Path;
use std::process::Command;

/// What the program says that was compiled in this checkout, if cargo runs it in a package, or nobody says where.
fn said(package: Option<&Path>, current: &Path) -> String {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.current_dir(current).env_remove("CARGO_MANIFEST_DIR");
    if let Some(package) = package {
        lab.env("CARGO_MANIFEST_DIR", package);
    }
    let output = lab.output().expect("the program of this checkout");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Cargo does not build a program again only because its checkout has moved.
#[test]
fn a_program_belongs_to_the_checkout_that_it_is_run_in() {
    let copy = tempfile::tempdir().expect("a folder");
    let root = copy.path().canonicalize().expect("a folder");
    let (labs, package) = (root.join("tests/labs"), root.join("tests/lab"));
    fs::create_dir_all(&labs).expect("a folder");
    fs::create_dir_all(&package).expect("a folder");
    // The program names the first file that it cannot read.
    fs::write(labs.join("queue.toml"), "no lab").expect("a file");
    let of_copy = format!("cargo lab: {} is not a lab", labs.join("queue.toml").display());
    for (package, current) in
        [(Some(&*package), Path::new("/")), (None, &package), (Some(Path::new("/usr")), &package)]
    {
        let said = said(package, current);
        assert!(
            said.starts_with(&of_copy),
            "in {package:?} and {current:?}, it should say\n{of_copy}\nnot\n{said}"
        );
    }
    assert_eq!(
        said(None, Path::new("/")),
        "cargo lab: / is not inside a copy of the course: run `cargo lab` in one\n"
    );
}
