//! Measures the finished server beside others, wears it down ([`soak`]), and has a load generator ([`clients`]).
//!
//! Three rules make figures from a noisy machine useful. Two servers are compared in turn, in one run, and never by
//! figures of different days. A figure is the median of several rounds, and is printed with their spread. And each rate
//! comes with the processor time that the server spent on a request: because the load generator shares the processors
//! with it, rates crowd together near the machine's limit, but costs do not.

pub mod clients;
pub mod machine;
pub mod peers;
pub mod soak;
pub mod steady;
pub mod wrk;

use nix::unistd::{Pid, SysconfVar, sysconf};
use std::fs;
use std::time::Duration;

/// The least, the middle and the greatest of some values; zeros if there are none.
pub fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    match values[..] {
        [] => [0.0; 3],
        _ => [values[0], values[values.len() / 2], values[values.len() - 1]],
    }
}

/// The processor time that the live processes of a group have used so far, in user and in kernel mode, with that of
/// their children that are gone (proc_pid_stat(5)).
pub fn cpu_time(group: Pid) -> Duration {
    let ticks_per_second = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100) as f64;
    let ticks: u64 = e2e::group(group).into_iter().filter_map(ticks).sum();
    Duration::from_secs_f64(ticks as f64 / ticks_per_second)
}

/// The resident memory that belongs to these processes alone, in KiB (proc_pid_status(5), RssAnon).
pub fn memory(processes: impl IntoIterator<Item = Pid>) -> u64 {
    let of = |pid: Pid| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    };
    processes.into_iter().filter_map(of).sum()
}

fn ticks(pid: Pid) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    // utime, stime, cutime and cstime are fields 14 to 17; the first after the name is field 3.
    fields.get(11..15)?.iter().map(|field| field.parse::<u64>().ok()).sum()
}

/// How much of the machine's time other machines on the same host have taken, and how much there was in all, in ticks
/// (proc_stat(5)).
pub fn stolen() -> [u64; 2] {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields: Vec<u64> =
        stat.lines().next().unwrap_or_default().split_whitespace().filter_map(|it| it.parse().ok()).collect();
    [fields.get(7).copied().unwrap_or(0), fields.iter().take(8).sum()]
}
