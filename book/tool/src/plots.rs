//! The tables and pictures of the measurements, drawn from their data files.
//!
//! ```text
//!   bench.json     tests/load/bench     ->  bench-table.md  bench-rates.svg  bench-costs.svg
//!   stages.json    tests/load/stages    ->  stages-table.md  stages.svg
//!   scale.json     tests/load/scale     ->  scale-table.md
//!   thunder-table.md  tests/thunder     ->  thunder.svg
//! ```
//!
//! A page includes them, so they are there without a script, on paper, and in every theme.

use crate::thunder;
use anyhow::{Context, Result};
use load::machine::Machine;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// What is drawn, by the name of its file.
pub type Drawn = BTreeMap<String, String>;

/// Draws all of them into the book's data folder.
///
/// # Errors
/// If a file cannot be read or written.
pub fn draw(root: &Path) -> Result<()> {
    for (name, text) in drawn(root)? {
        fs::write(folder(root).join(&name), text).with_context(|| format!("cannot write {name}"))?;
    }
    Ok(())
}

/// Where data and pictures are.
pub fn folder(root: &Path) -> PathBuf {
    root.join("book/src/data")
}

/// What should be in the folder.
///
/// # Errors
/// If a data file cannot be read.
pub fn drawn(root: &Path) -> Result<Drawn> {
    let (bench, stages, scale) =
        (read(root, "bench.json")?, read(root, "stages.json")?, read(root, "scale.json")?);
    let herd = fs::read_to_string(folder(root).join("thunder-table.md")).context("no thunder-table.md")?;
    Ok(Drawn::from([
        ("bench-table.md".to_owned(), bench_table(&bench)),
        ("bench-rates.svg".to_owned(), bench_rates(&bench)),
        ("bench-costs.svg".to_owned(), bench_costs(&bench)),
        ("stages-table.md".to_owned(), stages_table(&stages)),
        ("stages.svg".to_owned(), stages_picture(&stages)),
        ("scale-table.md".to_owned(), scale_table(&scale)),
        ("thunder.svg".to_owned(), thunder::picture(&herd)?),
    ]))
}

fn read<T: for<'d> Deserialize<'d>>(root: &Path, name: &str) -> Result<T> {
    let path = folder(root).join(name);
    let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not as expected", path.display()))
}

/// What `tests/load/bench` writes.
#[derive(Debug, Deserialize)]
struct Bench {
    command: String,
    machine: Machine,
    seconds: u32,
    noise: f64,
    rows: Vec<BenchRow>,
}

#[derive(Debug, Deserialize)]
struct BenchRow {
    cell: String,
    server: String,
    rounds: Vec<Found>,
}

/// What `tests/load/stages` writes.
#[derive(Debug, Deserialize)]
struct Stages {
    command: String,
    machine: Machine,
    seconds: u32,
    rows: Vec<StageRow>,
}

#[derive(Debug, Deserialize)]
struct StageRow {
    cell: String,
    stage: usize,
    rounds: Vec<Found>,
    processes: usize,
    threads: usize,
    memory: u64,
}

/// What `tests/load/scale` writes.
#[derive(Debug, Deserialize)]
struct Scale {
    command: String,
    machine: Machine,
    idle: u64,
    resident: [u64; 2],
    bytes_each: f64,
    slab: [u64; 2],
    alone: Vec<f64>,
    beside_idle: Vec<f64>,
    one_worker: Vec<f64>,
    two_workers: Vec<f64>,
}

/// One run of wrk.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Found {
    rate: f64,
    p50: f64,
    p99: f64,
    cpu: f64,
    errors: u64,
}

/// The median of what the rounds have found.
fn median(rounds: &[Found], what: fn(&Found) -> f64) -> f64 {
    middle(&rounds.iter().map(what).collect::<Vec<_>>())
}

fn middle(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// By what, where and when the figures of a table were made.
fn origin(command: &str, machine: &Machine) -> String {
    format!("Written by `{command}`: {machine}.")
}

const WRITING: &str = "a string takes whatever is written to it";

/// 123,456.
fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A table of its own for each load: one for all is too wide for a page.
fn begin_table<'r>(text: &mut String, (last, cell): (&mut &'r str, &'r str), columns: &[&str]) {
    if *last != cell {
        *last = cell;
        let line = "--:|".repeat(columns.len() - 1);
        writeln!(text, "\n**{cell}**\n\n| {} |\n|---|{line}", columns.join(" | ")).expect(WRITING);
    }
}

fn bench_table(bench: &Bench) -> String {
    let mut text = String::new();
    let mut last = "";
    for row in &bench.rows {
        begin_table(
            &mut text,
            (&mut last, &row.cell),
            &["server", "requests per second", "p50 ms", "p99 ms", "CPU us each", "errors"],
        );
        writeln!(
            text,
            "| {} | {} | {:.2} | {:.2} | {:.1} | {} |",
            row.server,
            thousands(median(&row.rounds, |found| found.rate)),
            median(&row.rounds, |found| found.p50),
            median(&row.rounds, |found| found.p99),
            median(&row.rounds, |found| found.cpu),
            row.rounds.iter().map(|found| found.errors).sum::<u64>(),
        )
        .expect(WRITING);
    }
    let rounds = bench.rows.first().map_or(0, |row| row.rounds.len());
    writeln!(
        text,
        "\nMedians of {rounds} rounds of {} s, all servers in turn. The rounds of a row differ by {:.0} % of their median.\n\
         {}",
        bench.seconds,
        bench.noise * 100.0,
        origin(&bench.command, &bench.machine),
    )
    .expect(WRITING);
    text
}

/// The loads that are drawn; the table has all.
const DRAWN: [&str; 4] =
    ["1 KiB, 64 keep-alive", "100 KiB, 64 keep-alive", "10 MiB, 16 keep-alive", "1 KiB, 64 close"];

fn bench_rates(bench: &Bench) -> String {
    bench_picture(
        bench,
        "bench-rates",
        "Requests per second of herd and of other servers",
        |found| found.rate,
        thousands,
    )
}

fn bench_costs(bench: &Bench) -> String {
    let microseconds = |value: f64| if value < 100.0 { format!("{value:.1}") } else { thousands(value) };
    bench_picture(
        bench,
        "bench-costs",
        "Processor time for each request, in microseconds",
        |found| found.cpu,
        microseconds,
    )
}

fn bench_picture(
    bench: &Bench,
    name: &str,
    title: &str,
    what: fn(&Found) -> f64,
    say: fn(f64) -> String,
) -> String {
    let groups = DRAWN.iter().map(|&cell| {
        let rows = bench.rows.iter().filter(|row| row.cell == cell);
        let bars = rows.map(|row| {
            let value = median(&row.rounds, what);
            Bar { label: row.server.clone(), value, text: say(value), ours: row.server == "herd" }
        });
        (cell.to_owned(), bars.collect())
    });
    bars(name, title, &groups.collect::<Vec<_>>())
}

fn stages_table(stages: &Stages) -> String {
    let mut text = String::new();
    let mut last = "";
    for row in &stages.rows {
        begin_table(
            &mut text,
            (&mut last, &row.cell),
            &[
                "stage",
                "requests per second",
                "of all rounds",
                "p50 ms",
                "p99 ms",
                "CPU us each",
                "processes",
                "threads",
                "memory KiB",
                "errors",
            ],
        );
        writeln!(
            text,
            "| {} | {} | {} to {} | {:.2} | {:.2} | {:.1} | {} | {} | {} | {} |",
            row.stage,
            thousands(median(&row.rounds, |found| found.rate)),
            thousands(row.rounds.iter().map(|found| found.rate).fold(f64::INFINITY, f64::min)),
            thousands(row.rounds.iter().map(|found| found.rate).fold(0.0, f64::max)),
            median(&row.rounds, |found| found.p50),
            median(&row.rounds, |found| found.p99),
            median(&row.rounds, |found| found.cpu),
            row.processes,
            row.threads,
            thousands(row.memory as f64),
            row.rounds.iter().map(|found| found.errors).sum::<u64>(),
        )
        .expect(WRITING);
    }
    let rounds = stages.rows.first().map_or(0, |row| row.rounds.len());
    writeln!(
        text,
        "\nMedians of {rounds} rounds of {} s, all stages in turn, with the lowest and the highest of the rates.\n{}",
        stages.seconds,
        origin(&stages.command, &stages.machine),
    )
    .expect(WRITING);
    text
}

fn stages_picture(stages: &Stages) -> String {
    let mut groups: Vec<(String, Vec<Bar>)> = Vec::new();
    for row in &stages.rows {
        let value = median(&row.rounds, |found| found.rate);
        let p99 = median(&row.rounds, |found| found.p99);
        let text = format!("{}, p99 {p99:.1} ms", thousands(value));
        let bar = Bar { label: format!("stage {}", row.stage), value, text, ours: row.stage == 6 };
        match groups.last_mut().filter(|(cell, _)| *cell == row.cell) {
            Some((_, bars)) => bars.push(bar),
            None => groups.push((row.cell.clone(), vec![bar])),
        }
    }
    bars("stages", "Requests per second of all six stages under the same load", &groups)
}

fn scale_table(scale: &Scale) -> String {
    let ratio = |of: &[f64], to: &[f64]| middle(of) / middle(to);
    format!(
        "| | |\n|---|--:|\n\
         | idle clients | {} |\n| memory before, KiB | {} |\n| memory with them, KiB | {} |\n| bytes for each | {:.0} |\n\
         | bytes in the kernel for each connection, both ends | {} |\n\
         | requests per second without them | {} |\n| requests per second beside them | {} |\n| ratio | {:.2} |\n\
         | requests per second, one worker | {} |\n| requests per second, two workers | {} |\n| ratio | {:.2} |\n\n\
         Medians of {} rounds in turn.\n{}\n",
        thousands(scale.idle as f64),
        thousands(scale.resident[0] as f64),
        thousands(scale.resident[1] as f64),
        scale.bytes_each,
        thousands((scale.slab[1] as f64 - scale.slab[0] as f64) * 1024.0 / scale.idle as f64),
        thousands(middle(&scale.alone)),
        thousands(middle(&scale.beside_idle)),
        ratio(&scale.beside_idle, &scale.alone),
        thousands(middle(&scale.one_worker)),
        thousands(middle(&scale.two_workers)),
        ratio(&scale.two_workers, &scale.one_worker),
        scale.alone.len(),
        origin(&scale.command, &scale.machine),
    )
}

/// One bar.
struct Bar {
    label: String,
    value: f64,
    text: String,
    ours: bool,
}

const WIDTH: f64 = 720.0;
const LABELS: f64 = 130.0;
const ROW: f64 = 38.0;
/// Large enough for a telephone, which shows a picture of 720 units 320 pixels wide.
const TEXT: f64 = 25.0;

/// Groups of bars, each group with a scale of its own.
fn bars(name: &str, title: &str, groups: &[(String, Vec<Bar>)]) -> String {
    let rows: usize = groups.iter().map(|(_, bars)| bars.len()).sum();
    let height = groups.len() as f64 * 2.0 * ROW + rows as f64 * ROW;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-labelledby=\"{name}-title\" font-size=\"{TEXT}\">\n\
         <title id=\"{name}-title\">{title}</title>\n"
    );
    let mut top = 0.0;
    for (group, bars) in groups {
        let most = bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
        let base = top + 1.3 * ROW;
        writeln!(
            svg,
            "<text x=\"0\" y=\"{base:.0}\" fill=\"currentColor\" font-weight=\"bold\">{group}</text>"
        )
        .expect(WRITING);
        top += 1.6 * ROW;
        for bar in bars {
            // The longest leaves room for its text.
            let width = bar.value / most * (WIDTH - LABELS - 290.0);
            let (weight, fill, opacity) =
                if bar.ours { ("bold", "var(--busy)", "1") } else { ("normal", "currentColor", "0.45") };
            let base = top + 0.72 * ROW;
            writeln!(
                svg,
                "<text x=\"0\" y=\"{base:.0}\" fill=\"currentColor\" font-weight=\"{weight}\">{}</text>\
                 <rect x=\"{LABELS}\" y=\"{:.0}\" width=\"{width:.0}\" height=\"{:.0}\" fill=\"{fill}\" fill-opacity=\"{opacity}\"/>\
                 <text x=\"{:.0}\" y=\"{base:.0}\" fill=\"currentColor\" font-weight=\"{weight}\">{}</text>",
                bar.label,
                top + 0.12 * ROW,
                0.76 * ROW,
                LABELS + width + 8.0,
                bar.text
            )
            .expect(WRITING);
            top += ROW;
        }
        top += 0.4 * ROW;
    }
    svg + "</svg>\n"
}
