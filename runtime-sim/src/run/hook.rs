use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chat_core::event::Event;
use chat_core::hub::HubError;
use chat_core::message::{Body, MessageKind};
use chat_core::name::{Nick, RoomName};
use chat_core::policy::{Decision, Denial, Person, Policy};
use chat_core::runtime::{Address, RuntimeExt};

use super::witness::Stage;
use crate::model::Ruling;
use crate::plan::PlanConfig;
use crate::random::{Purpose, Random};
use crate::strikes::Strike;

/// A policy that mostly allows everything, and now and then is late, says no, never answers, panics, or puts
/// things otherwise.
pub(super) struct Hook {
    stage: Stage,
    moods: Mutex<Random>,
    /// The moods of those that not every plan has.
    more_moods: Mutex<Random>,
    late: u32,
    denies: u32,
    silent: u32,
    panics: u32,
    rewrites: u32,
    all: bool,
}

/// What a hook says no with.
const NO: &str = "not today";

/// What a hook puts in the place of words.
const OTHER_WORDS: &str = "in other words";

/// What a hook decides about that has words in it.
trait Words: Sized + Send + 'static {
    /// Something else instead.
    fn rewritten(self, random: &mut Random) -> Self;

    /// Its words, if it has any.
    fn words(&self) -> Option<String>;
}

impl Words for Body {
    fn rewritten(self, random: &mut Random) -> Self {
        let words = match random.below(3) {
            0 => OTHER_WORDS.into(),
            1 => self.as_str().to_ascii_uppercase(),
            _ => self.as_str().chars().take(1).collect(),
        };
        Body::parse(&words).unwrap_or(self)
    }

    fn words(&self) -> Option<String> {
        Some(self.as_str().into())
    }
}

impl Words for Option<Body> {
    fn rewritten(self, random: &mut Random) -> Self {
        match (self, random.below(2)) {
            (_, 0) => None,
            (Some(body), _) => Some(body.rewritten(random)),
            (None, _) => Body::parse(OTHER_WORDS).ok(),
        }
    }

    fn words(&self) -> Option<String> {
        self.as_ref()?.words()
    }
}

impl Words for () {
    fn rewritten(self, _: &mut Random) -> Self {}

    fn words(&self) -> Option<String> {
        None
    }
}

/// What a hook has in mind.
struct Mood {
    late: Option<Duration>,
    denies: bool,
    silent: bool,
    panics: bool,
}

impl Hook {
    pub(super) fn new(stage: Stage, seed: u64, config: &PlanConfig) -> Self {
        let rate = |rate: u64| u32::try_from(rate).unwrap_or(u32::MAX);
        Self {
            stage,
            moods: Mutex::new(Random::new(seed ^ 0x4002, Purpose::Network)),
            more_moods: Mutex::new(Random::new(seed ^ 0x4003, Purpose::Network)),
            late: rate(config.hook_late),
            denies: rate(config.hook_denies),
            silent: rate(config.hook_silent),
            panics: rate(config.hook_panics),
            rewrites: rate(config.hook_rewrites),
            all: config.all_hooks > 0,
        }
    }

    /// Decides, and tells the model: at once, or when it is done.
    fn decide<T: Words>(&self, moods: &Mutex<Random>, value: T) -> Decision<T> {
        let stage = self.stage.clone();
        self.decide_and(moods, value, move |ruling| stage.decides(ruling))
    }

    fn decide_and<T: Words>(
        &self,
        moods: &Mutex<Random>,
        value: T,
        tell: impl FnOnce(Ruling) + Send + 'static,
    ) -> Decision<T> {
        let mut mood = self.mood(moods);
        let runtime = self.stage.runtime().clone();
        if runtime.shared.core().calm {
            mood = Mood {
                late: None,
                denies: false,
                silent: false,
                panics: false,
            };
        }
        let (value, ruling) = self.rewrite(value, &mood);
        if mood.silent {
            return Decision::later(std::future::pending());
        }
        if mood.panics {
            self.stage.model().planned_errors += 1;
        }
        let ruling = match (mood.panics, mood.denies) {
            (true, _) => Ruling::Refused(HubError::Undecided.to_string()),
            (false, true) => Ruling::Refused(HubError::Denied(Denial::new(NO)).to_string()),
            (false, false) => ruling,
        };
        let Mood { denies, panics, .. } = mood;
        let verdict = move || {
            tell(ruling);
            assert!(!panics, "this panic belongs to the plan");
            if denies {
                Err(Denial::new(NO))
            } else {
                Ok(value)
            }
        };
        match mood.late {
            Some(wait) => Decision::later(async move {
                runtime.sleep(wait).await;
                verdict()
            }),
            None => Decision::Now(verdict()),
        }
    }

    fn mood(&self, moods: &Mutex<Random>) -> Mood {
        let mut moods = moods.lock().unwrap_or_else(PoisonError::into_inner);
        let late = moods.per_mille(self.late);
        let wait = Duration::from_micros(moods.between(0, 20_000));
        let (denies, panics) = (moods.per_mille(self.denies), moods.per_mille(self.panics));
        let silent = moods.per_mille(self.silent);
        drop(moods);
        let mut core = self.stage.runtime().shared.core();
        let calm = core.calm;
        let strikes = [
            (late, Strike::HookLate),
            (denies, Strike::HookDenied),
            (silent, Strike::HookSilent),
            (panics, Strike::HookPanicked),
        ];
        for (_, strike) in strikes.iter().filter(|(strikes, _)| *strikes && !calm) {
            core.struck(*strike);
        }
        Mood {
            late: late.then_some(wait),
            denies,
            silent,
            panics,
        }
    }

    /// Puts something otherwise, now and then.
    fn rewrite<T: Words>(&self, value: T, mood: &Mood) -> (T, Ruling) {
        let mut moods = self.more_moods();
        if self.rewrites == 0 || mood.silent || !moods.per_mille(self.rewrites) {
            return (value, Ruling::Allowed);
        }
        let mut core = self.stage.runtime().shared.core();
        let before = value.words();
        if core.calm || std::mem::size_of::<T>() == 0 {
            return (value, Ruling::Allowed);
        }
        let value = value.rewritten(&mut moods);
        if value.words() == before {
            return (value, Ruling::Allowed);
        }
        core.struck(Strike::HookRewrote);
        let words = value.words();
        (value, Ruling::Rewritten(words))
    }

    fn more_moods(&self) -> std::sync::MutexGuard<'_, Random> {
        let moods = self.more_moods.lock();
        moods.unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`decide`](Self::decide), where the plan lets this hook decide.
    fn may_decide<T: Words>(&self, value: T) -> Decision<T> {
        if self.all {
            return self.decide(&self.more_moods, value);
        }
        self.stage.decides(Ruling::Allowed);
        Decision::allow(value)
    }
}

impl Policy for Hook {
    fn connect(&self, _: Option<&Address>) -> Decision<()> {
        // Nothing is asked for yet; the last words will say it.
        self.decide_and(&self.moods, (), drop)
    }

    fn nick(&self, _: &Person<'_>, _: &Nick) -> Decision<()> {
        self.decide(&self.moods, ())
    }

    fn guest(&self, _: &Person<'_>) -> Decision<()> {
        self.may_decide(())
    }

    fn join(&self, _: &Person<'_>, _: &RoomName) -> Decision<()> {
        self.decide(&self.moods, ())
    }

    fn message(&self, _: &Person<'_>, _: &RoomName, _: MessageKind, body: Body) -> Decision<Body> {
        self.decide(&self.moods, body)
    }

    fn private_message(&self, _: &Person<'_>, _: &Nick, body: Body) -> Decision<Body> {
        self.decide(&self.moods, body)
    }

    fn topic(&self, _: &Person<'_>, _: &RoomName, topic: Option<Body>) -> Decision<Option<Body>> {
        self.may_decide(topic)
    }

    fn quit(&self, _: &Person<'_>, reason: Body) -> Decision<Option<Body>> {
        self.may_decide(Some(reason))
    }

    fn observe(&self, event: &Event) {
        let mut model = self.stage.model();
        model.is_observed(event);
        if !self.all || self.panics == 0 || !self.more_moods().per_mille(self.panics) {
            return;
        }
        model.planned_errors += 1;
        drop(model);
        let runtime = self.stage.runtime();
        runtime.shared.core().struck(Strike::ObserverPanicked);
        panic!("this panic belongs to the plan");
    }
}
