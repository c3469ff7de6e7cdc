//! The archive for Gradescope: unpacked, set up, and run as its containers do it, with the rights that they have.

use crate::{course, hand_in, solution};
use grader::gradescope;
use grader::points::points;
use lab::tree;
use serde_json::Value;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Unpacks as Info-ZIP does, with modes.
fn unpack(archive: &Path, to: &Path) {
    let mut archive = zip::ZipArchive::new(File::open(archive).expect("the archive")).expect("an archive");
    archive.extract(to).expect("it can be unpacked");
}

/// A container of theirs: root, without the right to make namespaces, and a compiler that every user can run.
struct Container {
    autograder: PathBuf,
    rustup: PathBuf,
}

impl Container {
    fn run(&self, script: &str) -> Output {
        let course = course();
        let toolchains = rustup_home();
        let inside = format!(
            "mount --bind '{}' '{}' && exec setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin -- '{script}'",
            toolchains.display(),
            self.rustup.display()
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "bash", "-c", &inside]);
        command.env("AUTOGRADER", &self.autograder).env("RUSTUP_HOME", &self.rustup);
        // What needs no compiler of its own is not built again for it.
        command.env("CARGO_TARGET_DIR", tree::memory(&course.root).expect("a folder").join("grade/target"));
        command.env("CARGO_NET_OFFLINE", "true");
        // Cargo tells its tests about this checkout.
        for (name, _) in
            std::env::vars().filter(|(name, _)| name.starts_with("CARGO_MANIFEST") || name == "CARGO")
        {
            command.env_remove(name);
        }
        command.output().expect("unshare runs")
    }
}

/// Where rustup has its toolchains.
fn rustup_home() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".rustup");
    std::env::var_os("RUSTUP_HOME").map_or_else(home, PathBuf::from)
}

#[track_caller]
fn expect_success(output: &Output) -> String {
    let text =
        [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat();
    assert!(output.status.success(), "{text}");
    text
}

#[test]
fn the_archive_for_gradescope_sets_itself_up_and_grades() {
    if !nix::unistd::getuid().is_root() || !rustup_home().join("toolchains").exists() {
        eprintln!("skipped: Gradescope's containers can only be played by root, with rustup's toolchains");
        return;
    }
    let course = course();
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("our own folder");
    let archive = folder.path().join("lab3.zip");
    let staff = course.root.join("tests/grader/staff-example");
    let only = ["3.1", "3.5", "3.21", "3.22"].map(str::to_owned);
    gradescope::write(&course, &archive, &only, Some(&staff)).expect("an archive");
    let again = gradescope::write(&course, &archive, &only, Some(&staff)).expect_err("it is there already");
    assert!(format!("{again:#}").starts_with("cannot make "), "{again:#}");

    let container =
        Container { autograder: folder.path().join("autograder"), rustup: folder.path().join("rustup") };
    let source = container.autograder.join("source");
    for folder in [&source, &container.rustup] {
        fs::create_dir_all(folder).expect("a folder");
    }
    unpack(&archive, &source);
    // Gradescope itself takes these two out.
    let script = |name: &str| source.join(name).display().to_string();
    expect_success(&container.run(&script("setup.sh")));

    let mut files = solution(&course);
    let inbox = files.get_mut(Path::new("src/inbox.rs")).expect("a file");
    *inbox =
        inbox.replace("items.push(item);", "println!(\"printed by a student\");\n        items.push(item);");
    let handed_in = hand_in(folder.path(), "handed-in", &files);
    fs::rename(handed_in, container.autograder.join("submission")).expect("a folder");
    expect_success(&container.run(&script("run_autograder")));

    let results = fs::read_to_string(container.autograder.join("results/results.json")).expect("results");
    assert!(!results.contains("printed by a student"), "{results}");
    let public = points(&course).expect("points");
    let all = public.task["3.1"].points + public.task["3.5"].points + 6 + 4;
    let results: Value = serde_json::from_str(&results).expect("JSON");
    assert_eq!(
        (&results["score"], &results["stdout_visibility"]),
        (&all.into(), &"hidden".into()),
        "{results}"
    );
    let tests = results["tests"].as_array().expect("a list");
    let seen: Vec<_> =
        tests.iter().map(|test| (test["number"].as_str(), test["visibility"].as_str())).collect();
    let expected = [("3.1", "visible"), ("3.5", "visible"), ("3.21", "after_due_date"), ("3.22", "visible")];
    assert_eq!(seen, expected.map(|(number, visibility)| (Some(number), Some(visibility))));
}
