//! The names of the metrics, and how they are written down.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Unit;

use super::meters::{Hook, Metrics};

/// A descriptor and its value in one step.
trait Exposition {
    fn metric(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<Unit>,
        metric: &impl EncodeMetric,
    ) -> fmt::Result;

    fn counter(&mut self, name: &str, help: &str, metric: &impl EncodeMetric) -> fmt::Result {
        self.metric(name, help, None, metric)
    }

    fn gauge(&mut self, name: &str, help: &str, level: usize) -> fmt::Result {
        self.metric(name, help, None, &ConstGauge::new(level))
    }

    fn bytes(&mut self, name: &str, help: &str, level: usize) -> fmt::Result {
        self.metric(name, help, Some(Unit::Bytes), &ConstGauge::new(level))
    }

    fn by_kind(&mut self, name: &str, help: &str, counts: &[(&str, u64)]) -> fmt::Result;
}

impl Exposition for DescriptorEncoder<'_> {
    fn metric(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<Unit>,
        metric: &impl EncodeMetric,
    ) -> fmt::Result {
        let kind = metric.metric_type();
        metric.encode(self.encode_descriptor(name, help, unit.as_ref(), kind)?)
    }

    fn by_kind(&mut self, name: &str, help: &str, counts: &[(&str, u64)]) -> fmt::Result {
        let mut family = self.encode_descriptor(name, help, None, MetricType::Counter)?;
        for &(kind, count) in counts {
            ConstCounter::new(count).encode(family.encode_family(&[("kind", kind)])?)?;
        }
        Ok(())
    }
}

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.encode_connections(&mut encoder)?;
        self.encode_levels(&mut encoder)?;
        self.encode_traffic(&mut encoder)?;
        self.encode_times(&mut encoder)
    }
}

impl Metrics {
    fn encode_connections(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let meters = &self.meters;
        encoder.counter(
            "chat_connections",
            "Connections that are served.",
            &meters.connections,
        )?;
        encoder.counter(
            "chat_connections_opened",
            "Connections that were served, those that still are included.",
            &meters.connections_opened,
        )?;
        encoder.counter(
            "chat_connections_closed",
            "Connections that have ended, by why.",
            &meters.connections_closed,
        )?;
        encoder.counter(
            "chat_connections_refused",
            "Connections that were not served, by the limit in their way.",
            &meters.connections_refused,
        )?;
        encoder.counter(
            "chat_accept_errors",
            "Times that a listener failed and was waited for, as without file descriptors.",
            &meters.accept_errors,
        )?;
        encoder.counter(
            "chat_sessions_opened",
            "Sessions that have taken their first nick.",
            &meters.sessions_opened,
        )?;
        encoder.counter(
            "chat_sessions_parked",
            "Times that a session lost its connection and was kept for it to come back.",
            &meters.sessions_parked,
        )?;
        encoder.counter(
            "chat_sessions_resumed",
            "Times that a session went on over another connection.",
            &meters.sessions_resumed,
        )?;
        encoder.counter(
            "chat_requests_refused",
            "Requests and lines that were answered with an error, by its code.",
            &meters.requests_refused,
        )
    }

    fn encode_levels(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let levels = self.levels();
        let peak = self.peak();
        encoder.gauge(
            "chat_sessions",
            "Sessions that have a nick, those without a connection included.",
            levels.sessions,
        )?;
        encoder.gauge(
            "chat_sessions_waiting",
            "Sessions without a connection that are kept for it to come back.",
            levels.parked,
        )?;
        encoder.gauge("chat_rooms", "Rooms with somebody in them.", levels.rooms)?;
        encoder.gauge(
            "chat_rooms_remembered",
            "Rooms with nobody in them whose messages are kept.",
            levels.empty_rooms,
        )?;
        encoder.gauge(
            "chat_room_members",
            "Seats that are taken, in all rooms together.",
            levels.members,
        )?;
        encoder.gauge(
            "chat_outbox_events",
            "Events that wait to be sent, in all outboxes together.",
            levels.queued.events,
        )?;
        encoder.bytes(
            "chat_outbox",
            "Size of the events that wait to be sent, in all outboxes together.",
            levels.queued.bytes,
        )?;
        encoder.gauge(
            "chat_outbox_fullest_events",
            "Events that wait to be sent to the session for which most of them wait.",
            levels.fullest.events,
        )?;
        encoder.bytes(
            "chat_outbox_fullest",
            "Size of the events that wait to be sent to the session for which most bytes wait.",
            levels.fullest.bytes,
        )?;
        encoder.gauge(
            "chat_outbox_peak_events",
            "The most events that ever waited for one session.",
            peak.events,
        )?;
        encoder.bytes(
            "chat_outbox_peak",
            "The most bytes of events that ever waited for one session.",
            peak.bytes,
        )?;
        encoder.bytes(
            "chat_memory",
            "Memory that all outboxes and rooms take together.",
            levels.memory,
        )?;
        encoder.bytes(
            "chat_memory_limit",
            "How much they may take.",
            levels.max_memory,
        )
    }

    fn encode_traffic(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let meters = &self.meters;
        let sum = meters.traffic.sum();
        encoder.metric(
            "chat_received",
            "Bytes that came over the streams of connections.",
            Some(Unit::Bytes),
            &ConstCounter::new(sum.received_bytes),
        )?;
        encoder.metric(
            "chat_sent",
            "Bytes that the streams of connections have taken.",
            Some(Unit::Bytes),
            &ConstCounter::new(sum.sent_bytes),
        )?;
        encoder.counter(
            "chat_frames_received",
            "Lines that came from peers.",
            &ConstCounter::new(sum.frames),
        )?;
        encoder.by_kind(
            "chat_messages",
            "Messages that were accepted, to rooms and to one session.",
            &[
                ("room", meters.room_messages.get()),
                ("private", meters.private_messages.get()),
            ],
        )?;
        encoder.by_kind(
            "chat_deliveries",
            "Events that were written down for a connection, by what they are: one message to a \
             room is as many as it has members.",
            &[
                ("room", sum.room_messages),
                ("private", sum.private_messages),
                ("presence", sum.presence),
            ],
        )?;
        encoder.by_kind(
            "chat_missed",
            "Events that sessions were told they have missed.",
            &[
                ("room", sum.missed_messages),
                ("presence", sum.missed_presence),
            ],
        )?;
        encoder.counter(
            "chat_outbox_dropped",
            "Events that were dropped from full outboxes.",
            &meters.dropped,
        )
    }

    fn encode_times(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        encoder.metric(
            "chat_fan_out",
            "Time that it took to give a message to all members of its room, and to wake them.",
            Some(Unit::Seconds),
            &self.meters.fan_out,
        )?;
        let mut decisions = encoder.encode_descriptor(
            "chat_policy_decision",
            "Time that the policy took to decide, by what it was asked.",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        for (hook, time) in Hook::ALL.iter().zip(&self.meters.decisions) {
            Histogram::encode(time, decisions.encode_family(&[("hook", *hook)])?)?;
        }
        Ok(())
    }
}
