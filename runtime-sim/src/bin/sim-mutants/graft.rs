//! Many mutants in one build, each behind a switch: a function that some of them change gets all of its
//! bodies, and the number of the mutant decides which one runs. (Known as mutant schemata: Untch, Offutt and
//! Harrold, "Mutation analysis using mutant schemata", ISSTA 1993.)

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};

use syn::visit::{self, Visit};

use crate::mutants::Mutant;

/// The variable that says which mutant is to live: its number in the list.
pub(crate) const SWITCH: &str = "CHAT_MUTANT";

/// What goes to the end of the library's `lib.rs`, for the bodies to ask.
pub(crate) fn switchboard() -> String {
    format!(
        r#"
/// Whether the mutant of this number lives in this process.
pub(crate) fn is_planted(number: usize) -> bool {{
    static LIVES: std::sync::LazyLock<Option<usize>> =
        std::sync::LazyLock::new(|| std::env::var("{SWITCH}").ok()?.parse().ok());
    *LIVES == Some(number)
}}
"#
    )
}

/// A file with mutants in it.
#[derive(Debug)]
pub(crate) struct Grafted {
    pub(crate) text: String,
    /// The lines of each mutant's body, by the mutant's number.
    pub(crate) lines: BTreeMap<usize, RangeInclusive<usize>>,
}

/// A function's body with one mutant in it.
struct Body {
    /// Where the sound one is.
    place: Range<usize>,
    text: String,
}

/// A file that is to be grafted.
pub(crate) struct Stock<'a> {
    sound: &'a str,
    /// Where the bodies of all functions are that are not within others.
    places: Vec<Range<usize>>,
    mutated: BTreeMap<usize, Body>,
}

impl<'a> Stock<'a> {
    /// Reads a file of Rust.
    ///
    /// # Errors
    ///
    /// What is wrong with it, if it is none.
    pub(crate) fn new(sound: &'a str) -> Result<Self, String> {
        let file = syn::parse_file(sound).map_err(|error| error.to_string())?;
        let mut bodies = Bodies::default();
        bodies.visit_file(&file);
        Ok(Self {
            sound,
            places: bodies.places,
            mutated: BTreeMap::new(),
        })
    }

    /// Adds a mutant.
    ///
    /// # Errors
    ///
    /// Why that cannot be: its text is not there once and within one function.
    pub(crate) fn add(&mut self, number: usize, mutant: &Mutant) -> Result<(), String> {
        let mut found = self.sound.match_indices(mutant.from);
        let (Some((start, _)), None) = (found.next(), found.next()) else {
            let times = self.sound.matches(mutant.from).count();
            return Err(format!("{} has its text {times} times", mutant.file));
        };
        let end = start + mutant.from.len();
        let within = |place: &&Range<usize>| place.start <= start && end <= place.end;
        let Some(place) = self.places.iter().find(within) else {
            return Err(format!(
                "its text is not within a function of {}",
                mutant.file
            ));
        };
        let before = &self.sound[place.start..start];
        let text = [before, mutant.to, &self.sound[end..place.end]].concat();
        syn::parse_str::<syn::Block>(&text).map_err(|error| error.to_string())?;
        let place = place.clone();
        self.mutated.insert(number, Body { place, text });
        Ok(())
    }

    /// The file with all of its mutants.
    pub(crate) fn grafted(&self) -> Grafted {
        let mut places: Vec<_> = self.mutated.values().map(|body| &body.place).collect();
        places.sort_by_key(|place| place.start);
        places.dedup();
        let mut text = String::new();
        let mut lines = BTreeMap::new();
        let line = |text: &str| text.matches('\n').count() + 1;
        let mut done = 0;
        for place in places {
            text.push_str(&self.sound[done..place.start]);
            text.push_str("{ ");
            for (&number, body) in self.mutated.iter().filter(|(_, body)| body.place == *place) {
                text.push_str(&format!("if crate::is_planted({number}) "));
                let first = line(&text);
                text.push_str(&body.text);
                lines.insert(number, first..=line(&text));
                text.push_str("\nelse ");
            }
            text.push_str(&self.sound[place.clone()]);
            text.push_str(" }");
            done = place.end;
        }
        text.push_str(&self.sound[done..]);
        Grafted { text, lines }
    }
}

/// Finds the bodies of functions that may ask something when they run.
#[derive(Default)]
struct Bodies {
    places: Vec<Range<usize>>,
}

impl Bodies {
    fn add(&mut self, signature: &syn::Signature, block: &syn::Block) {
        if signature.constness.is_none() {
            let braces = block.brace_token.span;
            let (open, close) = (braces.open().byte_range(), braces.close().byte_range());
            self.places.push(open.start..close.end);
        }
    }
}

impl<'ast> Visit<'ast> for Bodies {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.add(&function.sig, &function.block);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.add(&function.sig, &function.block);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.add(&function.sig, block);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let is_test = |attribute: &syn::Attribute| {
            attribute.path().is_ident("cfg")
                && attribute
                    .parse_args::<syn::Path>()
                    .is_ok_and(|path| path.is_ident("test"))
        };
        if !module.attrs.iter().any(is_test) {
            visit::visit_item_mod(self, module);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "\
const ONE: u32 = 1;
impl Counter {
    fn next(&mut self) -> u32 {
        self.count += ONE;
        self.count
    }
}
";

    fn mutant(from: &'static str, to: &'static str) -> Mutant {
        Mutant {
            name: "a mutant",
            file: "counter.rs",
            from,
            to,
        }
    }

    #[test]
    fn a_function_gets_a_body_for_each_mutant_and_keeps_its_own() {
        let mut stock = Stock::new(SOUND).expect("it is Rust");
        stock
            .add(3, &mutant("+= ONE", "-= ONE"))
            .expect("it is there");
        stock
            .add(7, &mutant("        self.count += ONE;\n", ""))
            .expect("it is there");
        let grafted = stock.grafted();
        let expected = "\
const ONE: u32 = 1;
impl Counter {
    fn next(&mut self) -> u32 { if crate::is_planted(3) {
        self.count -= ONE;
        self.count
    }
else if crate::is_planted(7) {
        self.count
    }
else {
        self.count += ONE;
        self.count
    } }
}
";
        assert_eq!(grafted.text, expected);
        assert_eq!(grafted.lines, BTreeMap::from([(3, 3..=6), (7, 7..=9)]));
    }

    #[test]
    fn what_is_not_there_once_and_within_a_function_is_refused() {
        let mut stock = Stock::new(SOUND).expect("it is Rust");
        for (from, to, why) in [
            ("self.number", "", "counter.rs has its text 0 times"),
            ("self.count", "", "counter.rs has its text 2 times"),
            (
                "= 1;",
                "= 2;",
                "its text is not within a function of counter.rs",
            ),
        ] {
            assert_eq!(stock.add(0, &mutant(from, to)), Err(why.into()));
        }
        assert!(stock.add(0, &mutant("+= ONE", "+= ")).is_err());
        assert_eq!(stock.grafted().text, SOUND);
    }
}
