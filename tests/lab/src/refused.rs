//! Names that no file of a student's may use, because the code behind them is unsafe, reads other files, or hides what
//! failed. The grader puts an error into such a file; `cargo lab check` says so before.

use crate::{code, unseen};
use std::path::Path;

/// A name, or a part of names, and what it does.
type Refused = (&'static str, &'static str);

/// Parts of the names of macros that expand to unsafe code that the lint `unsafe_code` does not notice, because it is
/// not written in the student's file: a function in assembly; and those of nix, whose unsafe code calls whatever
/// `libc::setsockopt` means where they are used.
const PARTS: [Refused; 5] = [
    ("naked_asm", UNSAFE),
    ("sockopt_impl", UNSAFE),
    ("ioctl_none", UNSAFE),
    ("ioctl_read", UNSAFE),
    ("ioctl_write", UNSAFE),
];
/// Macros that read files while the compiler runs; a teacher's own models are among these files. And the functions that
/// replace the panic hook, by which a model notices that an assertion has failed, even if the panic is caught.
const WHOLE: [Refused; 5] = [
    ("include", READS),
    ("include_str", READS),
    ("include_bytes", READS),
    ("set_hook", HIDES),
    ("take_hook", HIDES),
];
/// What a model of "Prove it" needs to know one part again among those that it is tried on: by how its threads are
/// scheduled, and not by what it does. An open socket or a pipe is a memory as well.
const IN_MODELS: [Refused; 4] =
    [("static", REMEMBERS), ("thread_local", REMEMBERS), ("nix", REMEMBERS), ("libc", REMEMBERS)];
/// The same, of the modules of `std`. Under another name or as a whole, it could be any of them.
const OF_STD_IN_MODELS: [&str; 10] = ["fs", "env", "net", "os", "io", "process", "path", "self", "*", "as"];
const UNSAFE: &str = "writes unsafe code";
const READS: &str = "reads other files";
const HIDES: &str = "hides failed assertions";
const REMEMBERS: &str = "can remember what another run of the model has seen";

/// What is wrong with the first of these names that is refused in a file of an exercise. A macro cannot compose a name, so
/// a file that uses one contains it as a word.
pub fn refusal<'n>(file: &Path, names: impl IntoIterator<Item = &'n str>) -> Option<String> {
    let in_models = if file.starts_with("prove") { &IN_MODELS[..] } else { &[] };
    let refused = |name: &str| {
        let part = PARTS.iter().find(|(part, _)| name.contains(part));
        part.or_else(|| WHOLE.iter().chain(in_models).find(|(whole, _)| name == *whole))
    };
    let (name, does) = names.into_iter().find_map(refused)?;
    Some(format!("`{name}` {does}, which this lab does not need"))
}

/// What is wrong with a file, for the student who writes it. It can be deceived; the grader reads files as the compiler
/// does.
pub fn refusal_of(file: &Path, text: &str) -> Option<String> {
    refusal(file, code::words(text)).or_else(|| refusal_of_std(file, text))
}

/// What is wrong with a model of "Prove it" that uses a module of `std` in which it could keep something.
pub fn refusal_of_std(file: &Path, text: &str) -> Option<String> {
    let code = file.starts_with("prove").then(|| code::code_without_literals(text))?;
    let paths = unseen::paths_of_std(&code);
    let module = paths.iter().map(|path| path[0]).find(|module| OF_STD_IN_MODELS.contains(module))?;
    let name = if ["self", "*", "as"].contains(&module) { "std".into() } else { format!("std::{module}") };
    Some(format!("`{name}` {REMEMBERS}, which this lab does not need"))
}
