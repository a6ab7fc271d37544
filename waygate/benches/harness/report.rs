use std::{fs, io, path::Path};

use serde::Serialize;

/// A table of comparisons, printed and written to `target/waygate-bench/<bench>.json`.
#[derive(Debug, Serialize)]
pub struct Report {
    bench: &'static str,
    /// The ratio of two measurements of the same thing: the precision of the others.
    control_ratio: f64,
    rows: Vec<Row>,
}

/// Ours against a peer; lower is better.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    name: &'static str,
    ours_ns: f64,
    peer: &'static str,
    peer_ns: f64,
    ratio: f64,
    /// The maximum ratio; `None` for rows without a target.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<f64>,
    /// The allocations of ours for each call; `None` if they were not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    allocations: Option<f64>,
}

impl Row {
    /// Compares two costs in nanoseconds.
    pub fn new(
        name: &'static str,
        ours_ns: f64,
        peer: &'static str,
        peer_ns: f64,
        target: Option<f64>,
    ) -> Self {
        Self {
            name,
            ours_ns,
            peer,
            peer_ns,
            ratio: ours_ns / peer_ns,
            target,
            allocations: None,
        }
    }

    /// Adds the allocations of ours for each call.
    #[must_use]
    pub fn with_allocations(mut self, allocations: f64) -> Self {
        self.allocations = Some(allocations);
        self
    }
}

impl Report {
    /// A report of one bench.
    pub fn new(bench: &'static str, control_ratio: f64, rows: Vec<Row>) -> Self {
        Self {
            bench,
            control_ratio,
            rows,
        }
    }

    /// Prints the table and writes the file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn publish(&self) -> io::Result<()> {
        let Self {
            bench,
            control_ratio,
            rows,
        } = self;
        println!("\n{bench}: control (equal things) {control_ratio:.3}\n");
        println!(
            "{:<52} {:>10}  {:<28} {:>10} {:>7} {:>7}",
            "", "ours", "peer", "", "ratio", "target"
        );
        for Row {
            name,
            ours_ns,
            peer,
            peer_ns,
            ratio,
            target,
            ..
        } in rows
        {
            let target = target.map_or(String::new(), |target| format!("{target:.2}"));
            println!(
                "{name:<52} {ours_ns:>7.0} ns  {peer:<28} {peer_ns:>7.0} ns {ratio:>7.2} {target:>7}"
            );
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/waygate-bench");
        fs::create_dir_all(&folder)?;
        fs::write(
            folder.join(format!("{bench}.json")),
            serde_json::to_vec_pretty(self)?,
        )
    }
}
