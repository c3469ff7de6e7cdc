//! Names that no file of a student's may use, because the code behind them is unsafe, reads other files, or hides what
//! failed. The grader puts an error into such a file; `cargo lab check` says so before.

use crate::code;

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
const UNSAFE: &str = "writes unsafe code";
const READS: &str = "reads other files";
const HIDES: &str = "hides failed assertions";

/// What is wrong with the first of these names that is refused. A macro cannot compose a name, so a file that uses one
/// contains it as a word.
pub fn refusal<'n>(names: impl IntoIterator<Item = &'n str>) -> Option<String> {
    let refused = |name: &str| {
        let part = PARTS.iter().find(|(part, _)| name.contains(part));
        part.or_else(|| WHOLE.iter().find(|(whole, _)| name == *whole))
    };
    let (name, does) = names.into_iter().find_map(refused)?;
    Some(format!("`{name}` {does}, which this lab does not need"))
}

/// What is wrong with a file, for the student who writes it. It can be deceived; the grader reads files as the compiler
/// does.
pub fn refusal_of(text: &str) -> Option<String> {
    refusal(code::words(text))
}
