//! What was shown: to read (Markdown) and to put on a wall (SVG).

use crate::acts::Act;
use crate::show::{Shown, wrapped};
use std::fmt::Write;

/// What was shown, by act.
pub type Played = [(&'static Act, Shown)];

/// A page with a table for each act.
pub fn markdown(machine: &str, played: &Played) -> String {
    let mut page = format!("# Thundering Herd, as it was shown\n\n{machine}\n");
    for (act, shown) in played {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let _ = writeln!(page, "\n## {}\n\n{}\n", act.title, act.announcement);
        page += &line(shown.columns.iter().map(|(head, ..)| head.to_string()).collect());
        page += &line(vec!["---".to_owned(); shown.columns.len()]);
        for row in &shown.rows {
            let cell =
                |column| row.get(column).map_or(String::new(), |cell: &String| cell.replace('|', "\\|"));
            page += &line((0..shown.columns.len()).map(cell).collect());
        }
        let _ = writeln!(page, "\n{}", shown.finding);
    }
    page
}

const WIDTH: usize = 1000;
const LINE: usize = 24;
/// How many letters of 16 pixels fit beside the margins, on average.
const LETTERS: usize = 112;

/// A picture of the findings. The act that compares the stages has bars.
pub fn svg(machine: &str, played: &Played) -> String {
    let mut body = String::new();
    let mut y = 40;
    let mut text = |y: usize, class: &str, words: &str| {
        let _ = writeln!(body, r#"<text x="30" y="{y}" class="{class}">{}</text>"#, escaped(words));
    };
    text(y, "title", "Thundering Herd, as it was shown");
    y += LINE;
    text(y, "", machine);
    let mut bars = String::new();
    for (act, shown) in played {
        y += 2 * LINE;
        text(y, "act", act.title);
        if shown.columns[1].0 == "requests/s" {
            y += LINE / 2;
            bars += &bars_of(shown, y);
            y += LINE * shown.rows.len();
        }
        for line in wrapped(&shown.finding, LETTERS) {
            y += LINE;
            text(y, "", &line);
        }
    }
    let height = y + 30;
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="16">
<style>
svg {{ background: #fff; fill: #1a1a1a }}
.title {{ font-size: 26px; font-weight: bold }}
.act {{ font-size: 19px; font-weight: bold }}
rect {{ fill: #2f6db3 }}
@media (prefers-color-scheme: dark) {{ svg {{ background: #16181d; fill: #e6e6e6 }} rect {{ fill: #7fb0e6 }} }}
</style>
{body}{bars}</svg>
"#
    )
}

/// A bar for each row, as long as its second cell says.
fn bars_of(shown: &Shown, top: usize) -> String {
    let rates: Vec<f64> = shown.rows.iter().map(|row| row[1].parse().unwrap_or(0.0)).collect();
    let most = rates.iter().copied().fold(1.0, f64::max);
    let mut bars = String::new();
    for (index, (row, rate)) in shown.rows.iter().zip(rates).enumerate() {
        let y = top + LINE * index;
        // The longest leaves room for its text.
        let width = 430.0 * rate / most;
        let (base, end) = (y + 18, 260.0 + width);
        let _ = writeln!(
            bars,
            r#"<text x="30" y="{base}">{}</text><rect x="250" y="{}" width="{width:.0}" height="16"/><text x="{end:.0}" y="{base}">{} per second, p99 {} ms</text>"#,
            escaped(&row[0]),
            y + 5,
            row[1],
            row[2],
        );
    }
    bars
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
