use std::fmt::Write;

use super::short;
use crate::case::{Case, Plan};
use crate::results::{self, Figure, Results};

/// Tables of everything: first the overview, then all figures of each case.
pub fn markdown(results: &Results) -> String {
    written(|out| {
        write_overview(results, out)?;
        for case in results.cases() {
            writeln!(out, "\n**{}** (`{}`)\n", case.title, case.name)?;
            details(results, case, figures_of(case), out)?;
        }
        Ok(())
    })
}

/// What the library is measured by, in three tables.
pub fn overview(results: &Results) -> String {
    written(|out| write_overview(results, out))
}

fn written(write: impl FnOnce(&mut String) -> std::fmt::Result) -> String {
    let mut out = String::new();
    // Writing to memory does not fail.
    let _ = write(&mut out);
    out
}

fn write_overview(results: &Results, out: &mut String) -> std::fmt::Result {
    writeln!(out, "{}\n", conditions(results))?;
    writeln!(
        out,
        "Processor time per delivery in µs, and in brackets its ratio to the floor of the same round:\n"
    )?;
    matrix(results, out, results::cpu_per_delivery)?;
    writeln!(
        out,
        "\np99 of the latency in µs, and in brackets its ratio:\n"
    )?;
    matrix(results, out, results::p99)?;
    for case in results.cases() {
        if matches!(case.plan, Plan::Idle { .. }) {
            writeln!(out, "\n{}, who come in a room at a time:\n", case.title)?;
            details(results, case, IDLE, out)?;
        }
    }
    Ok(())
}

fn figures_of(case: &Case) -> &'static [(&'static str, Figure)] {
    match case.plan {
        Plan::Idle { .. } => IDLE,
        _ => WORK,
    }
}

/// What to know of the machine before believing a figure.
fn conditions(results: &Results) -> String {
    let (machine, places, noise) = (&results.machine, results.places, &results.disturbance);
    let processors = if places.are_apart() {
        format!(
            "the server on processor {}, the load on {}",
            places.server, places.load
        )
    } else {
        "server and load share a processor, so latencies mean little".to_owned()
    };
    let spread = results.spread().map_or(String::new(), |spread| {
        format!(
            " The floor's processor time varies by up to {:.0} % between rounds.",
            spread * 100.0
        )
    });
    format!(
        "{}, {}, {} processors: {processors}. {}, `{}`, {:.1} s a case. Meanwhile {:.1} % of the processors' time was \
         stolen by other machines, they were busy for {:.0} %, and the load average went from {:.1} to {:.1}.{spread}",
        machine.processor,
        machine.kernel,
        machine.processors,
        results.date,
        results.command,
        results.seconds,
        noise.stolen * 100.0,
        noise.busy * 100.0,
        noise.load_average.0,
        noise.load_average.1,
    )
}

/// A row for each case, and a column for each server.
fn matrix(results: &Results, out: &mut String, figure: Figure) -> std::fmt::Result {
    let names = results.contestants.join(" | ");
    writeln!(out, "| case | {names} |")?;
    writeln!(out, "| --- |{}", " --- |".repeat(results.contestants.len()))?;
    for case in results.cases() {
        if matches!(case.plan, Plan::Idle { .. }) {
            continue;
        }
        write!(out, "| {} |", case.title)?;
        for contestant in &results.contestants {
            let cell = match results.summary(case, contestant, figure) {
                None => "—".to_owned(),
                Some(summary) => match summary.ratio {
                    Some(ratio) if contestant != results::FLOOR => {
                        format!("{} ({ratio:.2})", short(summary.median))
                    }
                    _ => short(summary.median),
                },
            };
            write!(out, " {cell} |")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

const WORK: &[(&str, Figure)] = &[
    ("deliveries/s", results::deliveries_per_second),
    ("CPU µs", results::cpu_per_delivery),
    ("in the kernel", results::system_per_delivery),
    ("p50 µs", results::p50),
    ("p99 µs", results::p99),
    ("p99.9 µs", results::p999),
    ("max µs", results::longest),
    ("resident bytes", results::resident),
];

const IDLE: &[(&str, Figure)] = &[
    ("CPU µs to connect and join", results::cpu_per_connection),
    ("resident bytes each", results::bytes_per_connection),
    ("CPU ms a second while idle", results::idle_cpu),
];

/// A row for each server, and a column for each figure.
fn details(
    results: &Results,
    case: &Case,
    figures: &[(&str, Figure)],
    out: &mut String,
) -> std::fmt::Result {
    let names: Vec<_> = figures.iter().map(|(name, _)| *name).collect();
    writeln!(out, "| server | {} | CPU / floor |", names.join(" | "))?;
    writeln!(out, "| --- |{} --- |", " --- |".repeat(figures.len()))?;
    let ratio_of = match case.plan {
        Plan::Idle { .. } => results::cpu_per_connection,
        _ => results::cpu_per_delivery,
    };
    for contestant in &results.contestants {
        write!(out, "| {contestant} |")?;
        for (_, figure) in figures {
            let summary = results.summary(case, contestant, *figure);
            let cell = summary.map_or("—".to_owned(), |summary| short(summary.median));
            write!(out, " {cell} |")?;
        }
        let summary = results.summary(case, contestant, ratio_of);
        let ratio = summary.and_then(|summary| summary.ratio);
        let cell = ratio.map_or("—".to_owned(), |ratio| format!("{ratio:.2}"));
        writeln!(out, " {cell} |")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::results;

    #[test]
    fn a_table_has_the_median_and_the_ratio() {
        let text = markdown(&results());
        assert!(
            text.contains("| 100 members, 1 in flight | 2.00 | 3.00 (1.50) |"),
            "{text}"
        );
        assert!(text.contains("varies by up to 150 %"), "{text}");
    }
}
