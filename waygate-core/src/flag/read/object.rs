use serde_json::{Map, Value};
use uuid::Uuid;

use super::at::{At, Reader, text};
use crate::{
    flag::{
        place::Place,
        problem::{ProblemCode, Problems},
    },
    similar::nearest,
};

/// The members of an object, and those of them that a reader knows.
pub(super) struct Object<'a> {
    members: Option<&'a Map<String, Value>>,
    place: Place<'a>,
    known: Vec<&'static str>,
}

impl<'a> Object<'a> {
    /// Reads an object by its members. Unknown members are problems.
    pub(super) fn read<T>(
        at: At<'a>,
        problems: &mut Problems,
        read: impl FnOnce(&mut Self, &mut Problems) -> T,
    ) -> T {
        let mut object = Self::of(at, problems);
        let value = read(&mut object, problems);
        object.finish(problems);
        value
    }

    fn of(at: At<'a>, problems: &mut Problems) -> Self {
        let members = at.value.as_object();
        if members.is_none() {
            at.wrong("an object", problems);
        }
        Self {
            members,
            place: at.place,
            known: Vec::new(),
        }
    }

    /// Reads a required member.
    pub(super) fn required<T: Default>(
        &mut self,
        name: &'static str,
        read: Reader<T>,
        problems: &mut Problems,
    ) -> T {
        self.known.push(name);
        // Without an object, that it is none is the problem.
        let Some(members) = self.members else {
            return T::default();
        };
        let place = Place::Member(&self.place, name);
        match members.get(name) {
            Some(value) => read(At { value, place }, problems),
            None => {
                let message = format!("the member `{name}` is required");
                problems.add(place, ProblemCode::Missing, message);
                T::default()
            }
        }
    }

    /// Reads an optional member; `null` is as good as none.
    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        read: Reader<T>,
        problems: &mut Problems,
    ) -> Option<T> {
        self.known.push(name);
        let value = self.members?.get(name).filter(|value| !value.is_null())?;
        let place = Place::Member(&self.place, name);
        Some(read(At { value, place }, problems))
    }

    /// The same for members with a grammar.
    pub(super) fn parsed<T>(
        &mut self,
        name: &'static str,
        read: Reader<Option<T>>,
        problems: &mut Problems,
    ) -> Option<T> {
        self.optional(name, read, problems).flatten()
    }

    pub(super) fn text(&mut self, name: &'static str, problems: &mut Problems) -> String {
        self.optional(name, text, problems).unwrap_or_default()
    }

    /// Reads the member `id`, which is random if it is missing.
    pub(super) fn id(&mut self, problems: &mut Problems) -> String {
        let given = self.optional("id", text, problems);
        given.unwrap_or_else(|| Uuid::new_v4().to_string())
    }

    /// Reports members that no reader has asked for.
    fn finish(self, problems: &mut Problems) {
        let given = self.members.into_iter().flat_map(Map::keys);
        for name in given.filter(|name| !self.known.contains(&name.as_str())) {
            if problems.is_full() {
                return;
            }
            let place = Place::Member(&self.place, name);
            let message = unknown_member(name, &self.known);
            problems.add(place, ProblemCode::UnknownMember, message);
        }
    }
}

fn unknown_member(name: &str, known: &[&str]) -> String {
    match nearest(name, known) {
        Some(meant) => format!("there is no such member; did you mean `{meant}`?"),
        None => format!(
            "there is no such member; known are `{}`",
            known.join("`, `")
        ),
    }
}
