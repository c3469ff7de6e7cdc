//! The whole show, without anybody who presses Enter.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

fn demo(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    command.args(arguments).stdin(Stdio::null()).output().expect("the show can be started")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_act_shows_what_it_promises_and_all_is_written_down() {
    let folder = tempfile::tempdir().expect("a folder");
    let [markdown, svg] = ["show.md", "show.svg"].map(|name| folder.path().join(name));
    let [page, picture] = [&markdown, &svg].map(|path| path.to_str().expect("a plain name"));
    let output = demo(&["--auto", "--seconds", "1", "--port", "0", "--markdown", page, "--svg", picture]);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", text(&output.stderr));
    assert!(!said.contains('\x1b'), "what is no terminal gets no control sequences");
    assert!(said.lines().all(|line| line.chars().count() <= 100), "a projector is not wider:\n{said}");

    let page = fs::read_to_string(&markdown).expect("a page");
    let picture = fs::read_to_string(&svg).expect("a picture");
    assert_eq!(page.matches("\n## ").count(), 7, "{page}");
    assert_eq!(picture.matches("<rect ").count(), 6, "a bar for each stage");
    for title in page.lines().filter_map(|line| line.strip_prefix("## ")) {
        assert!(said.contains(title) && picture.contains(&title.replace('&', "&amp;")), "{title}");
    }
    // Each row of a table has the cells of its head, or GitHub shows no table.
    for table in page.split("\n\n").filter(|part| part.starts_with('|')) {
        let cells: Vec<usize> = table.lines().map(|line| line.matches('|').count()).collect();
        assert!(cells.iter().all(|&count| count == cells[0]), "{table}");
    }
}

#[test]
fn without_anybody_to_press_enter_it_says_so() {
    let output = demo(&["--act", "5"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr), "demo: there is nobody to press Enter; --auto goes on by itself\n");
}

#[test]
fn a_port_that_is_taken_is_one_sentence_before_anything_begins() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let output = demo(&["--auto", "--act", "5", "--port", &port]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    let expected = format!("demo: port {port} cannot be had; --port names another: ");
    assert!(said.starts_with(&expected) && said.lines().count() == 1, "{said}");
    assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
}

#[test]
fn an_audience_that_leaves_ends_the_show_without_a_panic() {
    let mut show = Command::new(env!("CARGO_BIN_EXE_demo"))
        .args(["--auto", "--port", "0", "--act", "5"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the show can be started");
    drop(show.stdout.take());
    let output = show.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), String::new()));
}

#[test]
fn what_there_is_not_is_refused() {
    for wrong in [["--act", "8"], ["--act", "0"], ["--seconds", "0"], ["--port", "65536"]] {
        assert_eq!(demo(&wrong).status.code(), Some(2), "{wrong:?}");
    }
}
