//! The metrics, for whoever asks where `--metrics` says.

use std::io::{self, Write};
use std::sync::Arc;

use chat_core::hub::{Hub, HubBuilder};
use chat_core::metrics::{Metrics, MetricsServer};
use chat_core::runtime::{Address, Listener, Runtime};

/// The place where metrics are handed out, as long as this is kept; or none.
#[must_use = "dropping it closes the place where metrics are handed out"]
pub struct Scrapes(Option<(MetricsServer, Address)>);

/// Builds a hub, and hands out its metrics to whoever connects to `listener`. Without one nothing is counted.
///
/// # Errors
///
/// When the listener does not know its address.
pub fn observed(
    hub: HubBuilder,
    listener: Option<impl Listener>,
    runtime: &Arc<dyn Runtime>,
) -> io::Result<(Hub, Scrapes)> {
    let Some(listener) = listener else {
        return Ok((hub.build(), Scrapes(None)));
    };
    let metrics = Metrics::new();
    let hub = hub.metrics(&metrics).build();
    let server = MetricsServer::new(metrics, Arc::clone(runtime));
    let address = server.listen(listener)?;
    Ok((hub, Scrapes(Some((server, address)))))
}

impl Scrapes {
    /// Tells whoever started the server, a person or a script, where to ask.
    pub fn announce(&self) {
        if let Self(Some((_, address))) = self {
            let mut stdout = io::stdout().lock();
            // A script that has read enough may have closed it.
            let _ = writeln!(stdout, "metrics at http://{address}/metrics")
                .and_then(|()| stdout.flush());
        }
    }
}
