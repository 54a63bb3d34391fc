use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chat_core::hub::HubError;
use chat_core::message::{Body, MessageKind};
use chat_core::name::{Nick, RoomName};
use chat_core::policy::{Decision, Denial, Person, Policy};
use chat_core::runtime::{Address, RuntimeExt};

use super::witness::Stage;
use crate::plan::PlanConfig;
use crate::random::{Purpose, Random};
use crate::strikes::Strike;

/// A policy that mostly allows everything, and now and then is late, says no, never answers or panics.
pub(super) struct Hook {
    stage: Stage,
    moods: Mutex<Random>,
    late: u32,
    denies: u32,
    silent: u32,
    panics: u32,
}

/// What a hook says no with.
const NO: &str = "not today";

impl Hook {
    pub(super) fn new(stage: Stage, seed: u64, config: &PlanConfig) -> Self {
        let rate = |rate: u64| u32::try_from(rate).unwrap_or(u32::MAX);
        Self {
            stage,
            moods: Mutex::new(Random::new(seed ^ 0x4002, Purpose::Network)),
            late: rate(config.hook_late),
            denies: rate(config.hook_denies),
            silent: rate(config.hook_silent),
            panics: rate(config.hook_panics),
        }
    }

    fn decide<T: Send + 'static>(&self, value: T) -> Decision<T> {
        let runtime = self.stage.runtime().clone();
        let mut moods = self.moods.lock().unwrap_or_else(PoisonError::into_inner);
        let late = moods.per_mille(self.late);
        let wait = Duration::from_micros(moods.between(0, 20_000));
        let (denies, panics) = (moods.per_mille(self.denies), moods.per_mille(self.panics));
        let silent = moods.per_mille(self.silent);
        drop(moods);
        {
            let mut core = runtime.shared.core();
            if core.calm {
                return Decision::allow(value);
            }
            let strikes = [
                (late, Strike::HookLate),
                (denies, Strike::HookDenied),
                (silent, Strike::HookSilent),
                (panics, Strike::HookPanicked),
            ];
            for (_, strike) in strikes.iter().filter(|(strikes, _)| *strikes) {
                core.struck(*strike);
            }
        }
        if silent {
            return Decision::later(std::future::pending());
        }
        let mut model = self.stage.model();
        if panics {
            model.planned_errors += 1;
        }
        if !late {
            let refusal = if panics {
                Some(HubError::Undecided)
            } else if denies {
                Some(HubError::Denied(Denial::new(NO)))
            } else {
                None
            };
            model.verdict = refusal.map(|refusal| refusal.to_string());
        }
        drop(model);
        let verdict = move || {
            assert!(!panics, "this panic belongs to the plan");
            if denies {
                Err(Denial::new(NO))
            } else {
                Ok(value)
            }
        };
        if late {
            return Decision::later(async move {
                runtime.sleep(wait).await;
                verdict()
            });
        }
        Decision::Now(verdict())
    }
}

impl Policy for Hook {
    fn connect(&self, _: Option<&Address>) -> Decision<()> {
        self.decide(())
    }

    fn nick(&self, _: &Person<'_>, _: &Nick) -> Decision<()> {
        self.decide(())
    }

    fn join(&self, _: &Person<'_>, _: &RoomName) -> Decision<()> {
        self.decide(())
    }

    fn message(&self, _: &Person<'_>, _: &RoomName, _: MessageKind, body: Body) -> Decision<Body> {
        self.decide(body)
    }

    fn private_message(&self, _: &Person<'_>, _: &Nick, body: Body) -> Decision<Body> {
        self.decide(body)
    }
}
