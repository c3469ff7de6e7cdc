//! What a submission can ask of the compiler: each is added to the end of a file with holes. None may compile, last
//! longer than a submission may, or say anything about this machine.

/// Its name, and what is added.
pub fn all() -> Vec<(&'static str, String)> {
    let deep = format!("const DEEP: u8 = {}0{};", "(".repeat(5000), ")".repeat(5000));
    let plain = [
        // Without end, or too large.
        ("a-constant-without-end", "#[allow(long_running_const_eval)]\nconst _: () = loop {};"),
        (
            "the-compiler-eats-memory",
            "macro_rules! grow { ($($t:tt)*) => { grow! { $($t)* $($t)* } } }\ngrow! { a b c d e f g h }",
        ),
        ("a-static-of-eight-gigabytes", "pub static LARGE: [u8; 8 << 30] = [1; 8 << 30];"),
        ("includes-zeros-without-end", "pub static ZEROS: &[u8] = include_bytes!(\"/dev/zero\");"),
        ("a-module-without-end", "#[path = \"/dev/zero\"]\nmod zeros;"),
        (
            "types-without-end",
            "pub struct Deeper<T>(T);\npub trait Ends { fn end(); }\nimpl<T> Ends for Deeper<T> where Deeper<Deeper<T>>: Ends { fn end() {} }\npub fn end() { <Deeper<u8> as Ends>::end() }",
        ),
        // Code that runs before a test, without the word `unsafe`, or in spite of what forbids it.
        (
            "assembles-a-constructor",
            r#"core::arch::global_asm!(
    ".pushsection .init_array, \"aw\"", ".quad take_the_receipt", ".popsection", "take_the_receipt:",
    "sub rsp, 24", "xor eax, eax", "xor edi, edi", "mov rsi, rsp", "mov edx, 16", "syscall", "cmp eax, 16", "jne 2f",
    "mov eax, 1", "xor edi, edi", "mov rsi, rsp", "mov edx, 16", "syscall", "mov eax, 231", "xor edi, edi", "syscall",
    "2: add rsp, 24", "ret"
);"#,
        ),
        (
            "an-allocator-of-its-own",
            "struct Own;\n#[allow(unsafe_code)]\nunsafe impl std::alloc::GlobalAlloc for Own { unsafe fn alloc(&self, _: std::alloc::Layout) -> *mut u8 { loop {} } unsafe fn dealloc(&self, _: *mut u8, _: std::alloc::Layout) {} }\n#[global_allocator]\nstatic OWN: Own = Own;",
        ),
        (
            "a-naked-function",
            "#[unsafe(naked)]\npub extern \"C\" fn anything() { core::arch::naked_asm!(\"ud2\") }",
        ),
        (
            "a-naked-function-by-another-name",
            "use core::arch::naked_asm as quiet;\nmacro_rules! attribute { ($($a:tt)*) => { #[$($a)*] pub extern \"C\" fn anything() { quiet!(\"ud2\") } } }\nattribute!(unsafe(naked));",
        ),
        ("a-name-of-the-c-library", "#[unsafe(no_mangle)]\npub extern \"C\" fn write() -> isize { 16 }"),
        (
            "unsafe-in-a-macro",
            "macro_rules! quiet { ($($t:tt)*) => { #[allow(unsafe_code)] mod quiet { $($t)* } } }\nquiet! { pub fn read(at: *const u8) -> u8 { unsafe { *at } } }",
        ),
        (
            "links-what-it-likes",
            "#[link(name = \"c\")]\nunsafe extern \"C\" { pub safe fn getpid() -> i32; }",
        ),
        ("a-compiler-of-next-year", "#![feature(rustc_attrs)]"),
        // Files of this machine, or of ours.
        (
            "includes-our-solution",
            "const _: &str = include_str!(\"../../../solutions/queue/src/semaphore.rs\");",
        ),
        ("includes-the-points", "const _: &str = include_str!(\"/course/tests/points.toml\");"),
        ("includes-the-machines-users", "const _: () = panic!(\"{}\", include_str!(\"/etc/passwd\"));"),
        ("includes-by-another-name", "use std::{include as quiet};\nquiet!(\"/course/tests/points.toml\");"),
        (
            "includes-by-a-name-in-a-macro",
            "macro_rules! quiet { ($m:ident) => { const _: &str = $m!(\"/etc/passwd\"); } }\nquiet!(include_str);",
        ),
        ("includes-the-process-above", "const _: &[u8] = include_bytes!(\"/proc/1/environ\");"),
        ("asks-for-the-graders-variables", "const _: &str = env!(\"GRADER_ASSIGNMENT\");"),
        ("uses-the-graders-libraries", "extern crate lab;\nextern crate grader;"),
    ];
    let plain = plain.into_iter().map(|(name, text)| (name, text.to_owned()));
    plain.chain([("five-thousand-parentheses", deep)]).collect()
}
