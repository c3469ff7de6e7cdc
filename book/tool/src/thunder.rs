//! The picture of a thundering herd: a square for each process, filled if the process wakes for a client.
//!
//! `thunder-table.md` is what `cargo run --release -p thunder` has printed.

use anyhow::{Context, Result};
use std::fmt::Write;

/// A way to wait, and how many processes woke for a client.
struct Row {
    way: String,
    woken: usize,
}

const IN_A_LINE: usize = 20;
const STEP: usize = 17;
const SIDE: usize = 13;

/// Draws the table that the program has printed.
///
/// # Errors
/// If it is another table.
pub fn picture(table: &str) -> Result<String> {
    let (processes, rows) = read(table).context("thunder-table.md is not what tests/thunder prints")?;
    let lines = processes.div_ceil(IN_A_LINE);
    let high = lines * STEP + 92;
    let mut svg = format!(
        "<svg viewBox=\"0 0 720 {}\" role=\"img\" aria-labelledby=\"thunder-title\" font-size=\"25\">\n\
         <title id=\"thunder-title\">{processes} processes wait, one client comes. ",
        rows.len().div_ceil(2) * high
    );
    for Row { way, woken } in &rows {
        write!(svg, "{way}: {woken} woken. ")?;
    }
    svg += "</title>\n";
    for (at, Row { way, woken }) in rows.iter().enumerate() {
        let (left, top) = (at % 2 * 380, at / 2 * high);
        let text = match woken - 1 {
            0 => "1 wakes".to_owned(),
            vain => format!("{woken} wake, {vain} in vain"),
        };
        writeln!(
            svg,
            "<g transform=\"translate({left} {top})\" fill=\"currentColor\">\n\
             <text y=\"24\" font-weight=\"bold\">{way}</text>\n\
             <path d=\"{}\" fill=\"none\" stroke=\"currentColor\" stroke-opacity=\"0.5\"/>\n\
             <path d=\"{}\" fill=\"var(--bad)\"/>\n<path d=\"{}\" fill=\"var(--good)\"/>\n\
             <text y=\"{}\">{text}</text>\n</g>",
            squares(*woken..processes),
            squares(1..*woken),
            squares(0..1),
            lines * STEP + 62
        )?;
    }
    Ok(svg + "</svg>\n")
}

/// A path around these processes.
fn squares(which: impl Iterator<Item = usize>) -> String {
    let (side, back) = (SIDE, -(SIDE as i64));
    which.fold(String::new(), |path, at| {
        let (x, y) = (at % IN_A_LINE * STEP + 1, at / IN_A_LINE * STEP + 36);
        path + &format!("M{x} {y}h{side}v{side}h{back}z")
    })
}

/// The number of processes, and the rows. `None` if it is another table.
fn read(table: &str) -> Option<(usize, Vec<Row>)> {
    let processes =
        table.lines().find_map(|line| line.strip_prefix("Per client; ")?.split_once(" processes"));
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|')).map(|line| {
        let mut cells = line.split('|').skip(1);
        let way = cells.next()?.trim().replace('`', "");
        let woken = cells.next()?.trim().parse::<f64>().ok()?.round() as usize;
        Some(Row { way, woken: woken.max(1) })
    });
    Some((processes?.0.parse().ok()?, rows.collect::<Option<_>>()?))
}
