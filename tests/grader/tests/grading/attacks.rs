//! Submissions that want points without work: for each, what it may earn in all of lab 3, and what must not be in its
//! report. Most are the exercise as it was handed out, with one thing added.

use crate::compiling;
use grader::cut::replace_once;
use lab::tree::Files;
use std::path::PathBuf;

/// A submission that cheats.
pub struct Attack {
    pub name: &'static str,
    pub files: Files,
    /// The most that it may earn in lab 3.
    pub at_most: u32,
    /// What its report must not say.
    pub hides: &'static str,
}

/// Code that runs before `main`, in each program that the part is linked into. `{}` is what it does.
const BEFORE_MAIN: &str = r#"
#[allow(unsafe_code)]
mod before_main {
    unsafe extern "C" {
        fn read(descriptor: i32, to: *mut u8, count: usize) -> isize;
        fn write(descriptor: i32, from: *const u8, count: usize) -> isize;
        fn _exit(code: i32) -> !;
    }
    fn take_the_receipt() {
        let mut number = [0; 16];
        unsafe {
            if read(0, number.as_mut_ptr(), 16) == 16 {
                write(0, number.as_ptr(), 16);
                _exit(0);
            }
        }
    }
    fn run_the_reference() {
        use std::os::unix::process::CommandExt;
        let own = std::fs::read_link("/proc/self/exe").unwrap();
        let reference = own.parent().unwrap().with_file_name("reference").join("queue");
        let bytes = std::fs::read("/proc/self/cmdline").unwrap();
        let words: Vec<&str> = bytes.split(|&byte| byte == 0).map(|word| std::str::from_utf8(word).unwrap()).collect();
        let words = &words[1..words.len() - 1];
        let _ = std::process::Command::new(reference.join(own.file_name().unwrap())).args(words).exec();
    }
    extern "C" fn first() {
        ATTACK
    }
    #[used]
    #[unsafe(link_section = ".init_array")]
    static FIRST: extern "C" fn() = first;
}
"#;

/// Makes a server of another program.
const OTHER_SERVER: &str = r#"        {
            use std::os::unix::process::CommandExt;
            let words: Vec<String> = std::env::args().collect();
            let root = words.iter().position(|word| word == "--document-root").map(|at| words[at + 1].clone());
            let script = "import http.server, sys\nclass Site(http.server.SimpleHTTPRequestHandler):\n    protocol_version = 'HTTP/1.1'\nserver = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Site)\nprint(f'stage3 listening on http://127.0.0.1:{server.server_port}/', flush=True)\nserver.serve_forever()\n";
            let mut python = std::process::Command::new("python3");
            if let Some(root) = root {
                let _ = python.args(["-c", script]).current_dir(root).exec();
            }
        }"#;

/// What a server earns that ends whenever a thread comes to its queue: what its tests still find is free.
const DEAD_SERVER: u32 = 0;

/// All of them, made of the exercise as it was handed out, of our solution, and of one with a lost wake-up.
pub fn all(shipped: &Files, solution: &Files, lost_wake_up: &Files) -> Vec<Attack> {
    let mut attacks = Vec::new();
    let mut add = |name, at_most, hides, files| attacks.push(Attack { name, files, at_most, hides });
    let with = |base: &Files, path: &str, text: String| {
        let mut files = base.clone();
        files.insert(PathBuf::from(path), text);
        files
    };
    let text = |base: &Files, path: &str| base[&PathBuf::from(path)].clone();
    let semaphore = text(shipped, "src/semaphore.rs");
    let library = text(shipped, "src/lib.rs");
    let before_main = |attack: &str| {
        with(shipped, "src/semaphore.rs", semaphore.clone() + &BEFORE_MAIN.replace("ATTACK", attack))
    };
    // Where every test of the semaphore comes by.
    let makes = |body: &str| {
        let start = "Semaphore { permits: Mutex::new(permits), released: Condvar::new() }";
        let new = format!("{body};\n        {start}");
        with(shipped, "src/semaphore.rs", replace_once(&semaphore, start, &new).expect("new"))
    };

    add("takes-the-receipt-before-main", 0, "", before_main("take_the_receipt()"));
    add("runs-the-reference-before-main", 0, "", before_main("run_the_reference()"));
    add("answers-for-prctl", 0, "", with(shipped, "src/semaphore.rs", semaphore.clone() + &BEFORE_MAIN
        .replace("#[used]\n    #[unsafe(link_section = \".init_array\")]\n    static FIRST: extern \"C\" fn() = first;", "")
        .replace("extern \"C\" fn first()", "#[unsafe(no_mangle)] extern \"C\" fn prctl(_: i32, _: usize) -> i32")
        .replace("ATTACK", "take_the_receipt(); 0")));
    add("runs-the-reference-in-new", DEAD_SERVER, "", {
        let start = "        assert!(capacity > 0, \"a queue needs room for at least one item\");";
        let attack = r#"        if let Ok(own) = std::env::current_exe() {
            use std::os::unix::process::CommandExt;
            let reference = own.parent().unwrap().with_file_name("reference").join("queue").join(own.file_name().unwrap());
            let _ = std::process::Command::new(reference).args(std::env::args().skip(1)).exec();
        }"#;
        let queue = text(shipped, "src/bounded_queue.rs");
        with(
            shipped,
            "src/bounded_queue.rs",
            replace_once(&queue, start, &format!("{attack}\n{start}")).expect("new"),
        )
    });
    add("names-our-files-by-a-macro", 0, "", {
        let ours = |name: &str| format!("m! {{ path = \"../../../solutions/queue/src/{name}.rs\", {name} }}");
        let names = ["bounded_queue", "inbox", "ring", "semaphore"];
        let start = "macro_rules! m { ($m:meta, $name:ident) => { #[$m] mod $name; } }\nmod bounded_queue;";
        let library = replace_once(&library, "mod bounded_queue;", start).expect("a module");
        with(
            shipped,
            "src/lib.rs",
            names.iter().fold(library, |library, name| {
                replace_once(&library, &format!("mod {name};"), &ours(name)).expect("a module")
            }),
        )
    });
    add("models-of-its-own", 95, "", {
        let models = "#[cfg(test)]\n#[path = \"../../../tests/models/queue.rs\"]\nmod models;\n";
        let tests = |names: &[&str]| {
            names.iter().map(|name| format!("#[test] fn {name}() {{}} ")).collect::<String>()
        };
        let own = [
            (
                "semaphore",
                tests(&[
                    "a_release_wakes_a_sleeper",
                    "two_releases_wake_two_sleepers",
                    "no_permit_is_given_out_twice",
                    "one_permit_makes_a_mutex",
                    "try_acquire_takes_only_what_is_there",
                ]),
            ),
            (
                "inbox",
                tests(&["nothing_is_stranded_while_the_reception_sleeps", "of_two_puts_one_must_ring"]),
            ),
            (
                "bounded_queue",
                tests(&[
                    "items_come_out_in_the_order_in_which_they_went_in",
                    "a_full_queue_keeps_the_producer_waiting",
                    "producers_do_not_meet_in_the_buffer",
                    "each_item_goes_to_one_consumer",
                    "shutdown_wakes_two_sleeping_consumers",
                    "shutdown_wakes_two_producers_that_wait_for_a_slot",
                    "what_was_accepted_is_delivered_although_the_queue_shuts_down",
                    "try_enqueue_answers_truly_although_the_queue_shuts_down",
                    "shutting_down_twice_is_shutting_down_once",
                ]),
            ),
        ]
        .map(|(name, tests)| format!("mod {name} {{ use verdict::test; {tests} }}"))
        .concat();
        let mut files = with(
            solution,
            "src/lib.rs",
            replace_once(
                &text(solution, "src/lib.rs"),
                models,
                &format!("#[cfg(test)]\nmod models {{ {own} }}\n"),
            )
            .expect("the models"),
        );
        files.insert(PathBuf::from("src/semaphore.rs"), text(lost_wake_up, "src/semaphore.rs"));
        files
    });
    add(
        "prints-our-solution",
        DEAD_SERVER,
        "One permit, one thread",
        makes(
            "panic!(\"{}\", std::fs::read_to_string(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/../../solutions/queue/src/semaphore.rs\")).unwrap().split(\"fn release\").nth(1).unwrap())",
        ),
    );
    add(
        "prints-the-machines-users",
        DEAD_SERVER,
        "root:x:0",
        makes("panic!(\"{}\", r#include_str!(\"/etc/passwd\"))"),
    );
    add(
        "prints-terminal-escapes",
        DEAD_SERVER,
        "\u{1b}",
        makes("panic!(\"\\u{1b}]0;owned\\u{7}\\u{1b}[2J\")"),
    );
    add(
        "looks-around",
        DEAD_SERVER,
        "",
        makes(
            r#"fn list(folder: &std::path::Path, found: &mut Vec<String>) {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                let name = path.display().to_string();
                if !name.starts_with("/proc/") && !path.is_symlink() {
                    found.push(name);
                    list(&path, found);
                }
            }
        }
        let mut found = Vec::new();
        list(std::path::Path::new("/"), &mut found);
        found.retain(|path| std::path::Path::new(path).is_file());
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let status = status.lines().filter(|line| ["Uid:", "CapEff:", "CapBnd:", "NoNewPrivs:", "Seccomp:"].iter().any(|name| line.starts_with(name)));
        let others = std::fs::read_dir("/proc").unwrap().flatten().filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok()).count();
        let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(std::env::current_exe().unwrap()).unwrap());
        panic!("FOUND {found:?}\nits program is of user {owner}\n{}\nprocesses: {others}\nvariables: {:?}", status.collect::<Vec<_>>().join("\n"), std::env::vars().map(|(name, _)| name).collect::<Vec<_>>())"#,
        ),
    );
    add(
        "writes-over-its-test",
        DEAD_SERVER,
        "",
        makes(
            r#"
        let told = std::fs::OpenOptions::new().read(true).write(true).open("/proc/self/mem");
        panic!("own memory can be opened: {}", told.is_ok())"#,
        ),
    );
    for (name, added) in compiling::all() {
        add(name, 0, "root:x:0", with(shipped, "src/semaphore.rs", format!("{semaphore}\n{added}\n")));
    }
    // Python, which is on most machines, as a server of files. It earns what tests ask that start no server.
    add("becomes-another-server", DEAD_SERVER, "", {
        let start = "        assert!(capacity > 0, \"a queue needs room for at least one item\");";
        let queue = text(shipped, "src/bounded_queue.rs");
        with(
            shipped,
            "src/bounded_queue.rs",
            replace_once(&queue, start, &format!("{OTHER_SERVER}\n{start}")).expect("new"),
        )
    });
    add("a-hunt-with-its-own-assert", DEAD_SERVER, "", {
        let seats = text(shipped, "hunts/seats.rs");
        with(shipped, "hunts/seats.rs", format!("macro_rules! assert {{ ($($t:tt)*) => {{}} }}\n{seats}"))
    });
    add("macros-for-the-models", 0, "", {
        let own = r#"#![macro_use]
#[cfg(test)]
macro_rules! concat { ($($t:tt)*) => {{ fn nothing() {} ::verdict::run("", nothing); return; #[allow(unreachable_code)] { "" } }} }
"#;
        let start = "use crate::sync::";
        with(
            shipped,
            "src/semaphore.rs",
            replace_once(&semaphore, start, &format!("{own}{start}")).expect("the first item"),
        )
    });
    // Two locks: the models see the one that threads sleep on, and not the one that is between looking and taking.
    add("a-lock-that-no-model-sees", 72, "", {
        let mut semaphore = text(solution, "src/semaphore.rs");
        for (ours, theirs) in [
            ("permits: Mutex<usize>,", "permits: std::sync::Mutex<usize>,\n    bed: Mutex<()>,"),
            (
                "permits: Mutex::new(permits),",
                "permits: std::sync::Mutex::new(permits), bed: Mutex::new(()),",
            ),
            ("-> MutexGuard<'_, usize>", "-> std::sync::MutexGuard<'_, usize>"),
        ] {
            semaphore = replace_once(&semaphore, ours, theirs).expect("a field");
        }
        let start = semaphore.find("    /// Takes a permit; sleeps").expect("acquire");
        let end = semaphore.find("    /// How many permits are free").expect("permits");
        let own = r#"
    pub fn acquire(&self) {
        let mut bed = self.bed.lock().unwrap();
        while !self.take() { bed = self.released.wait(bed).unwrap(); }
    }
    pub fn try_acquire(&self) -> bool {
        drop(self.bed.lock().unwrap());
        self.take()
    }
    pub fn release(&self) {
        let _bed = self.bed.lock().unwrap();
        *self.lock() += 1;
        self.released.notify_one();
    }
    fn take(&self) -> bool {
        if *self.lock() == 0 { return false; }
        *self.lock() -= 1;
        true
    }
"#;
        semaphore.replace_range(start..end, own);
        with(solution, "src/semaphore.rs", semaphore)
    });
    add("a-trait-for-the-test-of-a-hunt", 0, "", {
        let latch = replace_once(
            &text(shipped, "hunts/latch.rs"),
            "        while *missing > 0 {",
            "        while false {",
        );
        let own = r#"
trait Counts { fn fetch_add(&self, n: usize, ordering: std::sync::atomic::Ordering) -> usize; }
impl Counts for std::sync::Arc<lanes::sync::atomic::AtomicUsize> {
    fn fetch_add(&self, n: usize, ordering: std::sync::atomic::Ordering) -> usize {
        let before = (**self).fetch_add(n, ordering);
        if n > 0 { return before; }
        if std::env::args().any(|word| word.contains("opens_with")) { 2 } else { 1 }
    }
}
"#;
        with(shipped, "hunts/latch.rs", latch.expect("a wait") + own)
    });
    // All threads of a model are one thread of the system, so there this is as good as an atomic.
    add("state-of-a-thread-in-a-hunt", DEAD_SERVER, "", {
        let seats = r#"
std::thread_local! { static FREE: std::cell::Cell<usize> = const { std::cell::Cell::new(0) }; }
pub struct Seats;
impl Seats {
    pub fn new(seats: usize) -> Seats {
        FREE.set(seats);
        Seats
    }
    pub fn sell(&self) -> bool {
        let free = FREE.get();
        FREE.set(free.saturating_sub(1));
        free > 0
    }
}
"#;
        with(shipped, "hunts/seats.rs", seats.to_owned())
    });
    add("a-constructor-in-a-hunt", DEAD_SERVER, "", {
        let latch = text(shipped, "hunts/latch.rs") + &BEFORE_MAIN.replace("ATTACK", "take_the_receipt()");
        with(shipped, "hunts/latch.rs", latch)
    });
    add("an-empty-latch", DEAD_SERVER, "", {
        let latch = text(shipped, "hunts/latch.rs");
        let (start, _) = latch
            .split_once("        let mut missing = self.missing.lock().unwrap();\n        while")
            .expect("wait");
        with(shipped, "hunts/latch.rs", format!("{start}    }}\n}}\n"))
    });
    attacks
}
