//! `cargo lab gradescope`: the archive that Gradescope makes its image from.
//!
//! ```text
//!   setup.sh, run_autograder     from tests/autograder/gradescope
//!   labs                         what is graded, as `--only` takes it
//!   course/                      this checkout, with its solutions; only what git tracks
//!   staff/                       an instructor's folder, if one is given
//! ```

use crate::staff::Staff;
use anyhow::{Context, Result, ensure};
use lab::course::Course;
use lab::tree;
use std::fs::{self, File};
use std::io::{BufWriter, Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Where the two scripts are.
const SCRIPTS: &str = "tests/autograder/gradescope";

/// Writes the archive.
///
/// # Errors
/// If a lab does not exist, the staff's folder does not fit, or the archive exists already or cannot be written.
pub fn write(course: &Course, archive: &Path, labs: &[String], staff: Option<&Path>) -> Result<()> {
    let staff = staff.map(|folder| Staff::load(course, folder)).transpose()?;
    for lab in labs {
        let of_staff = staff.iter().flat_map(Staff::ids).any(|id| id == lab);
        ensure!(
            of_staff || course.lab(lab).is_ok() || course.task(lab).is_ok(),
            "there is no lab or task `{lab}`"
        );
    }
    // Before the archive is there, which may be in this checkout.
    let published = tree::published(&course.root)?;
    let file = File::create_new(archive).with_context(|| format!("cannot make {}", archive.display()))?;
    let mut zip = ZipWriter::new(BufWriter::new(file));
    for script in ["setup.sh", "run_autograder"] {
        add(&mut zip, &course.root.join(SCRIPTS).join(script), Path::new(script))?;
    }
    zip.start_file("labs", SimpleFileOptions::default())?;
    zip.write_all(labs.join(",").as_bytes())?;
    for path in &published.files {
        add(&mut zip, &course.root.join(path), &Path::new("course").join(path))?;
    }
    if let Some(staff) = &staff {
        for path in tree::files(staff.folder())? {
            add(&mut zip, &staff.folder().join(&path), &Path::new("staff").join(path))?;
        }
    }
    let file = zip.finish()?.into_inner().map_err(|error| error.into_error())?;
    let size = file.metadata()?.len();
    println!(
        "{} holds {} MB: upload it as the autograder of a programming assignment.",
        archive.display(),
        size.div_ceil(1_000_000)
    );
    println!(
        "It holds the solutions. Container: 2 CPUs and 4 GB or more; time limit: 20 minutes for each lab, at most 40."
    );
    if let Some(line) = published.line() {
        println!("{line}");
    }
    Ok(())
}

fn add(zip: &mut ZipWriter<impl Write + Seek>, from: &Path, name: &Path) -> Result<()> {
    let bytes = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    let mode = fs::metadata(from)?.permissions().mode();
    let options = SimpleFileOptions::default().unix_permissions(mode & 0o777);
    zip.start_file(name.to_string_lossy(), options)
        .with_context(|| format!("cannot pack {}", name.display()))?;
    zip.write_all(&bytes).with_context(|| format!("cannot pack {}", name.display()))
}
