//! What was measured, and what it comes to: medians over the rounds, and ratios to the floor of the same round.

use serde::Serialize;

use crate::case::{CASES, Case, Figures};
use crate::machine::{Disturbance, Machine, Places};

/// What the ratios are to.
pub const FLOOR: &str = "floor";

/// Everything that was measured, for the reports.
#[derive(Clone, Debug, Serialize)]
pub struct Results {
    /// The command that did it.
    pub command: String,
    /// When it was begun, in UTC.
    pub date: String,
    /// What it ran on.
    pub machine: Machine,
    /// Which processors the server and the load had.
    pub places: Places,
    /// For how many seconds a case was measured.
    pub seconds: f64,
    /// What else went on.
    pub disturbance: Disturbance,
    /// Who was measured, in the order of the tables.
    pub contestants: Vec<String>,
    /// All measurements, in the order in which they were made.
    pub samples: Vec<Sample>,
}

/// One server, in one case, in one round.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    /// The round, from 0.
    pub round: usize,
    /// The name of the case.
    pub case: &'static str,
    /// The name of the server.
    pub contestant: String,
    /// What was measured.
    pub figures: Figures,
}

/// A figure of one server in one case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// The median over the rounds.
    pub median: f64,
    /// The median of the ratios to the floor of the same round; `None` where the floor was not measured.
    pub ratio: Option<f64>,
}

/// A figure to look at.
pub type Figure = fn(&Figures) -> Option<f64>;

impl Results {
    /// The cases that somebody was measured in, in their usual order.
    pub fn cases(&self) -> impl Iterator<Item = &'static Case> + '_ {
        CASES
            .iter()
            .filter(|case| self.samples.iter().any(|sample| sample.case == case.name))
    }

    /// A figure of a server in a case, unless it was not measured.
    pub fn summary(&self, case: &Case, contestant: &str, figure: Figure) -> Option<Summary> {
        let values = self.of(case, contestant, figure);
        let floor = self.of(case, FLOOR, figure);
        let mut medians: Vec<_> = values.iter().map(|&(_, value)| value).collect();
        let mut ratios: Vec<_> = values
            .iter()
            .filter_map(|&(round, value)| {
                let (_, floor) = floor.iter().find(|(of, _)| *of == round)?;
                (*floor > 0.0).then(|| value / floor)
            })
            .collect();
        Some(Summary {
            median: median(&mut medians)?,
            ratio: median(&mut ratios),
        })
    }

    /// How far the floor's processor time for a delivery varies between rounds, as a part of its median: the
    /// widest of all cases, which is how much of a ratio may be noise.
    pub fn spread(&self) -> Option<f64> {
        let spreads = self.cases().filter_map(|case| {
            let values = self.of(case, FLOOR, cpu_per_delivery);
            let mut values: Vec<_> = values.iter().map(|&(_, value)| value).collect();
            let middle = median(&mut values)?;
            // The median has sorted them.
            (values.len() > 1).then(|| (values[values.len() - 1] - values[0]) / middle)
        });
        spreads.reduce(f64::max)
    }

    fn of(&self, case: &Case, contestant: &str, figure: Figure) -> Vec<(usize, f64)> {
        let samples = self.samples.iter();
        samples
            .filter(|sample| sample.case == case.name && sample.contestant == contestant)
            .filter_map(|sample| Some((sample.round, figure(&sample.figures)?)))
            .collect()
    }
}

/// Processor time for each delivery, in microseconds.
pub fn cpu_per_delivery(figures: &Figures) -> Option<f64> {
    figures.work.map(|work| work.cpu_us)
}

/// That part of it which is spent in the kernel.
pub fn system_per_delivery(figures: &Figures) -> Option<f64> {
    figures.work.map(|work| work.system_us)
}

/// Deliveries a second.
pub fn deliveries_per_second(figures: &Figures) -> Option<f64> {
    figures.work.map(|work| work.per_second)
}

/// Half of the deliveries take at most so many microseconds.
pub fn p50(figures: &Figures) -> Option<f64> {
    figures.work.map(|work| work.latency.p50_us)
}

/// 99 of 100 deliveries take at most so many microseconds.
pub fn p99(figures: &Figures) -> Option<f64> {
    figures.work.map(|work| work.latency.p99_us)
}

/// 999 of 1,000 deliveries take at most so many microseconds.
pub fn p999(figures: &Figures) -> Option<f64> {
    figures.work.map(|work| work.latency.p999_us)
}

/// The longest that a delivery takes, in microseconds.
pub fn longest(figures: &Figures) -> Option<f64> {
    figures.work.map(|work| work.latency.max_us)
}

/// Processor time to let somebody in, in microseconds.
pub fn cpu_per_connection(figures: &Figures) -> Option<f64> {
    Some(figures.connecting.cpu_us)
}

/// Resident bytes for each connection.
pub fn bytes_per_connection(figures: &Figures) -> Option<f64> {
    Some(figures.connecting.bytes)
}

/// Milliseconds of processor time a second while nobody says anything.
pub fn idle_cpu(figures: &Figures) -> Option<f64> {
    Some(figures.connecting.idle_ms_per_s)
}

/// Resident bytes at the end.
pub fn resident(figures: &Figures) -> Option<f64> {
    Some(figures.resident_bytes as f64)
}

/// The middle one, or the mean of the two in the middle; sorts `values`.
fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        len if len % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::case::{Connecting, Latency, Work};

    /// Three rounds in which the floor needs 1, 2 and 4 µs, and tokio a half more.
    pub(crate) fn results() -> Results {
        let figures = |cpu_us| Figures {
            connecting: Connecting {
                cpu_us: 10.0,
                bytes: 2048.0,
                idle_ms_per_s: 0.0,
            },
            work: Some(Work {
                deliveries: 1000,
                per_second: 1e6 / cpu_us,
                cpu_us,
                user_us: cpu_us / 4.0,
                system_us: cpu_us * 3.0 / 4.0,
                latency: Latency {
                    p50_us: 1.0,
                    p99_us: 2.0,
                    p999_us: 3.0,
                    max_us: 4.0,
                },
            }),
            resident_bytes: 1 << 20,
        };
        let samples = [1.0, 2.0, 4.0].into_iter().enumerate();
        let samples = samples.flat_map(|(round, cpu_us)| {
            [("floor", 1.0), ("tokio", 1.5)].map(|(contestant, times)| Sample {
                round,
                case: "room-100-1",
                contestant: contestant.to_owned(),
                figures: figures(cpu_us * times),
            })
        });
        Results {
            command: "bench".to_owned(),
            date: "2026-01-01".to_owned(),
            machine: Machine {
                processor: "abacus".to_owned(),
                processors: 2,
                kernel: "Linux".to_owned(),
            },
            places: Places { server: 1, load: 0 },
            seconds: 1.0,
            disturbance: Disturbance {
                stolen: 0.0,
                busy: 0.5,
                load_average: (0.0, 1.0),
            },
            contestants: vec!["floor".to_owned(), "tokio".to_owned()],
            samples: samples.collect(),
        }
    }

    #[test]
    fn a_ratio_is_to_the_floor_of_the_same_round() {
        let results = results();
        let case = Case::named("room-100-1").unwrap();
        let tokio = results.summary(case, "tokio", cpu_per_delivery).unwrap();
        assert_eq!(
            tokio,
            Summary {
                median: 3.0,
                ratio: Some(1.5)
            }
        );
        assert_eq!(results.summary(case, "smol", cpu_per_delivery), None);
        assert_eq!(results.spread(), Some(1.5));
    }
}
