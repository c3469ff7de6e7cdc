//! What the table must say on any kernel that has these four ways to wait.

use std::process::{Command, Output};

fn thunder(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_thunder")).args(arguments).output().expect("it can be started")
}

/// The numbers of the row that begins with this name.
fn row(table: &str, name: &str) -> Vec<f64> {
    let line = table.lines().find_map(|line| line.strip_prefix(&format!("| {name} |")));
    let cells = line.unwrap_or_else(|| panic!("no row {name}:\n{table}")).trim_end_matches(" |").split('|');
    let number = |cell: &str| cell.trim().trim_end_matches(" %").parse();
    cells.map(|cell| number(cell).unwrap_or_else(|_| panic!("{cell} is not a number:\n{table}"))).collect()
}

#[test]
fn only_epoll_on_a_shared_socket_wakes_the_herd() {
    const PROCESSES: f64 = 16.0;
    let output = thunder(&["16", "100"]);
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{table}\n{}", String::from_utf8_lossy(&output.stderr));

    // Each of them sleeps when the client comes, and the socket becomes readable for each.
    let [woken, in_vain, ..] = row(&table, "epoll")[..] else { panic!("{table}") };
    assert!(woken > PROCESSES / 2.0, "the shared socket wakes the herd:\n{table}");
    // A process may also sleep for a moment in the middle, for a lock in the kernel, and is counted then. Rarely.
    for name in ["accept(2)", "epoll, `EPOLLEXCLUSIVE`", "epoll, `SO_REUSEPORT`"] {
        assert!(row(&table, name)[1] < in_vain / 10.0, "{name} wakes about one process:\n{table}");
    }
    // Nobody else can take a client from a socket of one's own.
    assert_eq!(row(&table, "epoll, `SO_REUSEPORT`")[2], 0.0, "{table}");
}

#[test]
fn what_is_no_number_is_one_sentence() {
    for wrong in [&["0"][..], &["many"], &["4", "-1"], &["4", "4", "4"]] {
        let output = thunder(wrong);
        assert_eq!(output.status.code(), Some(1), "{wrong:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let usage = "thunder: usage: thunder [PROCESSES [CLIENTS]], two whole numbers from 1 to 10000\n";
        assert_eq!(said, usage, "{wrong:?}");
    }
}
