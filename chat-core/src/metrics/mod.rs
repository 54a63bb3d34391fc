//! What a server counts and measures, for Prometheus and whoever else reads
//! [OpenMetrics](https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md).
//!
//! - [`Metrics`] is a value like any other: made by the program, given to a hub
//!   ([`HubBuilder::metrics`](crate::hub::HubBuilder::metrics)), and read as text. Without one nothing is
//!   counted, and with one two servers in the same process count apart.
//! - [`MetricsServer`] answers `GET /metrics` over HTTP, on any runtime, for programs that speak no HTTP of
//!   their own.
//!
//! `docs/METRICS.md` describes every metric.
//!
//! # Examples
//!
//! ```no_run
//! # use std::io;
//! # use std::sync::Arc;
//! # use chat_core::runtime::{Net, Runtime};
//! # async fn example<R: Runtime + Net>(runtime: Arc<R>) -> io::Result<()> {
//! use chat_core::hub::Hub;
//! use chat_core::metrics::{Metrics, MetricsServer};
//!
//! let metrics = Metrics::new();
//! let hub = Hub::builder(runtime.clone()).metrics(&metrics).build();
//!
//! let listener = runtime.bind_tcp(([127, 0, 0, 1], 9090).into()).await?;
//! let scrapes = MetricsServer::new(metrics, runtime);
//! println!("http://{}/metrics", scrapes.listen(listener)?);
//! # Ok(())
//! # }
//! ```

mod exposition;
mod http;
mod level;
mod meters;
mod server;
mod traffic;

#[cfg(test)]
mod tests;

pub(crate) use level::{Level, Levels};
pub(crate) use meters::Hook;
pub use meters::Metrics;
pub use server::MetricsServer;
pub(crate) use traffic::Tally;
