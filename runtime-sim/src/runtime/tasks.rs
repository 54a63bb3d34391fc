use std::collections::VecDeque;

use super::state::TaskId;

/// The tasks that have not ended, by number. Numbers are given in order from 1, so that each has its place.
pub(super) struct Tasks<T> {
    /// The number of the first of `places`.
    first: TaskId,
    places: VecDeque<Option<T>>,
    len: usize,
}

impl<T> Tasks<T> {
    pub(super) fn new() -> Self {
        Self {
            first: 1,
            places: VecDeque::new(),
            len: 0,
        }
    }

    /// Adds a task and returns its number.
    pub(super) fn push(&mut self, task: T) -> TaskId {
        self.places.push_back(Some(task));
        self.len += 1;
        self.first + self.places.len() as u64 - 1
    }

    pub(super) fn remove(&mut self, id: TaskId) -> Option<T> {
        let place = self.place(id)?;
        let task = self.places.get_mut(place)?.take()?;
        self.len -= 1;
        // Those that live long hold the places of few others.
        while let Some(None) = self.places.front() {
            self.places.pop_front();
            self.first += 1;
        }
        Some(task)
    }

    pub(super) fn get(&self, id: TaskId) -> Option<&T> {
        self.places.get(self.place(id)?)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, id: TaskId) -> Option<&mut T> {
        let place = self.place(id)?;
        self.places.get_mut(place)?.as_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// All of them, in the order of their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (TaskId, &T)> {
        let tasks = self.places.iter().zip(self.first..);
        tasks.filter_map(|(task, id)| Some((id, task.as_ref()?)))
    }

    /// Takes all of them out, in the order of their numbers.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = T> + use<T> {
        self.first += self.places.len() as u64;
        self.len = 0;
        std::mem::take(&mut self.places).into_iter().flatten()
    }

    fn place(&self, id: TaskId) -> Option<usize> {
        usize::try_from(id.checked_sub(self.first)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_found_by_its_number_until_it_is_removed() {
        let mut tasks = Tasks::new();
        assert_eq!(tasks.push("one"), 1);
        assert_eq!(tasks.push("two"), 2);
        assert_eq!(tasks.push("three"), 3);
        assert_eq!(tasks.remove(1), Some("one"));
        assert_eq!(tasks.remove(1), None);
        assert_eq!(tasks.get(0), None);
        assert_eq!(tasks.get(3), Some(&"three"));
        assert_eq!(tasks.push("four"), 4);
        assert_eq!(tasks.remove(3), Some("three"));
        assert_eq!(tasks.get_mut(3), None);
        assert_eq!(
            tasks.iter().collect::<Vec<_>>(),
            [(2, &"two"), (4, &"four")]
        );
        assert_eq!(tasks.len(), 2);
        assert_eq!(tasks.drain().collect::<Vec<_>>(), ["two", "four"]);
        assert_eq!(tasks.len(), 0);
        assert_eq!(tasks.push("five"), 5);
    }
}
