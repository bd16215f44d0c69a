//! The first step of a fetch: each server is asked for `?b3tree`.

use super::lane::LaneEvent;
use super::tree::{FIRST_BYTES, Tree, TreeAnswer, TreeReader};
use super::{Answer, Fetching, Step, Turn};
use crate::error::{Error, Exit};
use crate::proto::http::HttpUrl;

/// The query of a tree.
const QUERY: &str = "b3tree";

/// Which tree holds.
enum Reference {
    /// A server that comes first has not answered.
    Unknown,
    Tree(Tree),
    /// No server has one.
    None,
}

impl Fetching {
    /// Asks every server whose URL has no query of its own.
    pub(super) fn ask_mirrors(&mut self) -> Result<Turn, Error> {
        for index in 0..self.mirrors.len() {
            if self.mirrors[index].url.query().is_none() {
                self.ask_tree(index, &format!("Range: bytes=0-{}\r\n", FIRST_BYTES - 1))?;
            }
        }
        Ok(Turn::Next(Step::Asking))
    }

    fn ask_tree(&mut self, index: usize, range: &str) -> Result<(), Error> {
        let url = self.mirrors[index].url.with_query(Some(QUERY));
        self.mirrors[index].answer = Answer::Pending(Box::default());
        let fields = format!("Accept: text/plain\r\n{range}");
        let asked = self.lanes[index].1.ask(url, fields, self.now);
        asked.or_else(|error| self.drop_mirror(index, error))
    }

    /// Waits until it is clear which tree holds.
    pub(super) fn asking(&mut self) -> Result<Turn, Error> {
        for index in 0..self.mirrors.len() {
            self.hear_tree(index)?;
        }
        let tree = match self.reference() {
            Reference::Unknown => return Ok(Turn::Wait(Step::Asking)),
            Reference::Tree(tree) => Some(tree),
            Reference::None => None,
        };
        for index in 0..self.mirrors.len() {
            self.compare(index, tree.as_ref())?;
        }
        self.begin(tree)
    }

    /// The tree of the first server that has one.
    fn reference(&self) -> Reference {
        for mirror in &self.mirrors {
            match &mirror.answer {
                Answer::Pending(_) => return Reference::Unknown,
                Answer::Tree(tree) => return Reference::Tree(tree.clone()),
                Answer::Nothing | Answer::Dropped => {}
            }
        }
        Reference::None
    }

    /// Drops a server that has another file than the tree says.
    pub(super) fn compare(&mut self, index: usize, tree: Option<&Tree>) -> Result<(), Error> {
        match (&self.mirrors[index].answer, tree) {
            (Answer::Tree(other), Some(tree)) if other != tree => {
                let text = "it has another file than the first server";
                self.drop_mirror(index, Error::new(Exit::Integrity, text))
            }
            _ => Ok(()),
        }
    }

    /// Returns whether the answer of a server has not come yet.
    pub(super) fn is_pending(&self, index: usize) -> bool {
        matches!(self.mirrors[index].answer, Answer::Pending(_))
    }

    /// Waits for no answer any more: one server is enough.
    pub(super) fn stop_asking(&mut self) {
        for index in 0..self.mirrors.len() {
            if self.is_pending(index) {
                self.mirrors[index].answer = Answer::Nothing;
                self.lanes[index].1.close();
            }
        }
    }

    /// Takes what has come of an answer.
    pub(super) fn hear_tree(&mut self, index: usize) -> Result<(), Error> {
        while let Answer::Pending(reader) = &mut self.mirrors[index].answer {
            let lane = &mut self.lanes[index].1;
            match lane.next(self.now) {
                Ok(LaneEvent::Blocked) => return Ok(()),
                Ok(LaneEvent::Head(head)) => {
                    reader.begin(&head);
                    let found = lane.url().clone();
                    self.found_at(index, &found);
                }
                Ok(LaneEvent::Body) => {
                    let count = lane.body().len();
                    let is_of_use = reader.take(lane.body());
                    lane.consume(count);
                    if !is_of_use {
                        lane.close();
                        self.mirrors[index].answer = Answer::Nothing;
                    }
                }
                Ok(LaneEvent::End) => {
                    let reader: TreeReader = std::mem::take(reader);
                    self.heard(index, reader.end())?;
                }
                // A server may end the connection because of the question.
                Err(error) if matches!(error.exit(), Exit::Lost | Exit::Integrity) => {
                    lane.close();
                    self.mirrors[index].answer = Answer::Nothing;
                }
                Err(error) => self.drop_mirror(index, error)?,
            }
        }
        Ok(())
    }

    fn heard(&mut self, index: usize, answer: TreeAnswer) -> Result<(), Error> {
        let broken = || Error::new(Exit::Integrity, "the values of ?b3tree do not fit its digest");
        self.mirrors[index].answer = match answer {
            TreeAnswer::Tree(tree) => Answer::Tree(tree),
            TreeAnswer::Nothing => Answer::Nothing,
            TreeAnswer::Longer => return self.ask_tree(index, ""),
            TreeAnswer::Broken => return self.drop_mirror(index, broken()),
        };
        Ok(())
    }

    /// The answer came from elsewhere: that is where the file is, if the question was passed on.
    fn found_at(&mut self, index: usize, found: &HttpUrl) {
        let mirror = &mut self.mirrors[index];
        if *found == mirror.url.with_query(Some(QUERY)) {
            return;
        }
        match found.query() {
            Some(QUERY) => mirror.url = found.with_query(None),
            _ => {
                mirror.answer = Answer::Nothing;
                // Nobody reads the rest.
                self.lanes[index].1.close();
            }
        }
    }
}
