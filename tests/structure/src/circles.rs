use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::imports::Imports;

/// Files that import each other, directly or not.
pub type Circle = BTreeSet<String>;

type Arrows<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// Lists the circles of a graph: its strongly connected components of two files and more.
pub fn circles(imports: &Imports) -> Vec<Circle> {
    let mut forward = Arrows::new();
    for (from, to) in imports.keys() {
        forward.entry(from).or_default().insert(to);
    }
    let reached: BTreeMap<&str, BTreeSet<&str>> = forward
        .keys()
        .map(|from| (*from, reached_from(&forward, from)))
        .collect();
    let reaches = |from: &str, to: &str| reached.get(from).is_some_and(|all| all.contains(to));
    let mut circles: Vec<Circle> = Vec::new();
    for file in forward.keys() {
        let is_known = circle_of(file, &circles).is_some();
        if !is_known && reaches(file, file) {
            let members = reached[file].iter().filter(|other| reaches(other, file));
            circles.push(members.map(ToString::to_string).collect());
        }
    }
    circles
}

/// Finds the circle of a file.
pub fn circle_of<'a>(file: &str, circles: &'a [Circle]) -> Option<&'a Circle> {
    circles.iter().find(|circle| circle.contains(file))
}

/// Shows the shortest way round through one of the files, or through any if that is `None`, with one import per line.
pub fn shortest(circle: &Circle, through: Option<&str>, imports: &Imports) -> String {
    let inside = |file: &String| circle.contains(file);
    let mut arrows = Arrows::new();
    for (from, to) in imports.keys().filter(|(a, b)| inside(a) && inside(b)) {
        arrows.entry(from).or_default().insert(to);
    }
    let starts = circle
        .iter()
        .filter(|file| through.is_none_or(|one| *file == one));
    let ways = starts.filter_map(|file| way_round(&arrows, file));
    let Some(way) = ways.min_by_key(Vec::len) else {
        return String::new();
    };
    let step = |pair: &[&str]| {
        let names = imports.get(&(pair[0].to_owned(), pair[1].to_owned()));
        let names: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
        format!(
            "  {} imports `{}` of {}\n",
            pair[0],
            names.join("`, `"),
            pair[1]
        )
    };
    way.windows(2).map(step).collect()
}

fn reached_from<'a>(arrows: &Arrows<'a>, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut waiting: Vec<&str> = arrows.get(from).into_iter().flatten().copied().collect();
    while let Some(file) = waiting.pop() {
        if reached.insert(file) {
            waiting.extend(arrows.get(file).into_iter().flatten());
        }
    }
    reached
}

fn way_round<'a>(arrows: &Arrows<'a>, start: &'a str) -> Option<Vec<&'a str>> {
    let mut before: BTreeMap<&str, &'a str> = BTreeMap::new();
    let mut waiting = VecDeque::from([start]);
    while let Some(file) = waiting.pop_front() {
        for next in arrows.get(file).into_iter().flatten() {
            if *next == start {
                let (mut way, mut step) = (vec![start], file);
                while step != start {
                    way.push(step);
                    step = before[step];
                }
                way.push(start);
                way.reverse();
                return Some(way);
            }
            if !before.contains_key(next) {
                before.insert(next, file);
                waiting.push_back(next);
            }
        }
    }
    None
}
