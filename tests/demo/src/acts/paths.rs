//! Paths that want out of the document root.

use super::Act;
use crate::show::Kind::{Numbers, Words};
use crate::show::{Show, Shown, Table};
use anyhow::{Result, ensure};
use e2e::{Server, Site};
use std::fs;

pub const ACT: Act = Act {
    title: "The parade of paths",
    announcement: "A file with a secret lies one folder above the document root. These paths want it.",
    question: "Which of them would a server let through that looks for \"..\" in the path before it decodes it?",
    play,
};

const SECRET: &str = "the secret";

fn play(show: &Show) -> Result<Shown> {
    let site = Site::new().file("index.html", "hello\n");
    let file = site.outside().join("secret.txt");
    fs::write(&file, SECRET)?;
    let beside = format!("{}-backup", site.root().display());
    fs::create_dir(&beside)?;
    fs::write(format!("{beside}/secret.txt"), SECRET)?;
    let root = site.root().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let site = site.link("door", &file).link("up", "..").link("inside.html", "index.html");
    let herd = show.herd(&site, &[]);
    let absolute = file.to_string_lossy().into_owned();
    let mut table =
        Table::new(show, &[("the path", 34, Words), ("what it is", 34, Words), ("status", 6, Numbers)]);
    for (path, what) in [
        ("/../secret.txt", "the plain one"),
        ("/a/b/../../../secret.txt", "down first"),
        ("/%2e%2e/secret.txt", "encoded dots"),
        ("/..%2fsecret.txt", "an encoded slash"),
        ("/%252e%252e/secret.txt", "encoded twice"),
        ("/..%5csecret.txt", "the slash of another system"),
        ("/%c0%ae%c0%ae/secret.txt", "dots in too many bytes (UTF-8)"),
        ("/index.html%00/../../secret.txt", "a zero byte"),
        ("//../secret.txt", "an empty folder"),
        (&absolute, "an absolute path"),
        (&format!("/../{root}-backup/secret.txt"), "a neighbor with the root's name"),
        ("/door", "a symbolic link to it"),
        ("/up/secret.txt", "a symbolic link to its folder"),
    ] {
        let (status, text) = ask(&herd, path);
        ensure!((400..500).contains(&status), "{path} got {status}");
        ensure!(!text.contains(SECRET), "{path} got the secret");
        // Where the files of the show lie is nobody's business.
        let shown = if *path == *absolute { "/tmp/.../secret.txt" } else { path };
        table.row(vec![shown.to_owned(), what.to_owned(), status.to_string()]);
    }
    for (path, what) in [("/inside.html", "a symbolic link that stays inside"), ("/", "the page itself")] {
        let (status, text) = ask(&herd, path);
        ensure!(status == 200 && text == "hello\n", "{path} got {status}");
        table.row(vec![path.to_owned(), what.to_owned(), status.to_string()]);
    }
    Ok(table.finding(
        "No check of strings decides this. Each path is decoded once, and the kernel looks it up beneath the root \
         (openat2, RESOLVE_BENEATH), whatever links there are.",
    ))
}

/// As it stands, without a browser that tidies it up first.
fn ask(herd: &Server, path: &str) -> (u16, String) {
    let response = herd.client().ask("GET", path, &["Connection: close"]);
    (response.status, response.text())
}
