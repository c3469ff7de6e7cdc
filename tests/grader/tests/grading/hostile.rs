//! Submissions that mean harm. Each is our solution of lab 3 with one function turned into a weapon; it must cost
//! nobody but itself.

use grader::cut::with_body;
use lab::tree::Files;
use std::path::PathBuf;

/// These take memory, by which they are ended.
pub const TOO_LARGE: [&str; 2] = ["eats-memory", "fills-sockets"];

/// What `Semaphore::release` does in place of its work.
const WEAPONS: [(&str, &str); 12] = [
    ("hangs", "loop { std::thread::park() }"),
    ("spins", "loop { std::hint::spin_loop() }"),
    (
        "forks-without-end",
        r#"loop { let _ = std::process::Command::new("/proc/self/exe").arg("--nocapture").spawn(); }"#,
    ),
    (
        "starts-threads-without-end",
        "loop { let _ = std::thread::Builder::new().spawn(|| loop { std::thread::park() }); }",
    ),
    (
        "fills-the-disk",
        r#"for name in 0.. { let _ = std::fs::write(std::env::temp_dir().join(format!("{name}")), vec![1; 1 << 20]); }"#,
    ),
    ("prints-without-end", r#"loop { println!("test result: ok. 20 passed; 0 failed"); }"#),
    ("exits-with-success", "std::process::exit(0)"),
    (
        "prints-a-forged-result",
        r#"println!("\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 19 filtered out"); std::process::exit(0)"#,
    ),
    ("eats-memory", "let mut eaten: Vec<Vec<u8>> = Vec::new(); loop { eaten.push(vec![1; 1 << 20]); }"),
    (
        "fills-sockets",
        r#"use std::os::unix::net::UnixStream;
        let mut kept = Vec::new();
        while let Ok((one, other)) = UnixStream::pair() {
            for mut socket in [&one, &other] {
                let _ = socket.set_nonblocking(true);
                while std::io::Write::write(&mut socket, &[1; 1 << 16]).is_ok() {}
            }
            kept.push([one, other]);
        }
        loop { std::thread::park() }"#,
    ),
    ("kills-all-it-can", r#"let _ = std::process::Command::new("kill").args(["-9", "--", "-1"]).status();"#),
    (
        "edits-the-tests",
        r#"for file in ["tests/suites/queue/semaphore.rs", "tests/points.toml", "exercises/queue/src/lib.rs"] {
            let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../");
            let _ = std::fs::write(format!("{root}{file}"), "");
        }
        std::process::exit(0)"#,
    ),
];

/// Hostile submissions that do not get as far as running, or that bring what is not asked for.
pub fn others(solution: &Files) -> Vec<(&'static str, Files)> {
    let with = |path: &str, text: &str| {
        let mut files = solution.clone();
        files.insert(PathBuf::from(path), text.to_owned());
        files
    };
    let ring = &solution[&PathBuf::from("src/ring.rs")];
    vec![
        ("does-not-compile", with("src/ring.rs", "pub(crate) struct Ring<T> {")),
        (
            "takes-our-solution",
            with(
                "src/inbox.rs",
                "#[path = \"../../../solutions/queue/src/inbox.rs\"]\nmod ours;\npub use ours::Inbox;\n",
            ),
        ),
        ("compiles-without-end", with("src/ring.rs", &format!("{ring}\nconst _: () = loop {{}};\n"))),
        ("brings-a-program", with("src/bin/suite.rs", "fn main() { println!(\"test result: ok\"); }\n")),
    ]
}

/// Our solution with a weapon in it.
pub fn armed(solution: &Files) -> Vec<(&'static str, Files)> {
    let arm = |weapon: &str| {
        let mut files = solution.clone();
        let file = files.get_mut(&PathBuf::from("src/semaphore.rs")).expect("a file of the solution");
        *file = with_body(file, "Semaphore::release", &format!("{{ {weapon} }}")).expect("release");
        files
    };
    WEAPONS.iter().map(|(name, weapon)| (*name, arm(weapon))).collect()
}
