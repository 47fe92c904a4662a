//! A command that a message recommends. Knows neither the options of this run, which `report::here` adds, nor how it is printed.

use std::fmt;

use super::text::shell_word;

/// A command of `cartctl` or `aws`. Its text is in backticks, each word quoted where a shell requires it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command(Vec<String>);

impl Command {
    /// `cartctl` with these words, which no shell has to take apart.
    pub(crate) fn cartctl(words: &str) -> Self {
        Self::of("cartctl", words)
    }

    /// The same for the AWS CLI.
    pub(crate) fn aws(words: &str) -> Self {
        Self::of("aws", words)
    }

    fn of(program: &str, words: &str) -> Self {
        Self(std::iter::once(program).chain(words.split_whitespace()).map(str::to_owned).collect())
    }

    /// The same command with one more word, which may hold any character.
    pub(crate) fn with(mut self, word: impl fmt::Display) -> Self {
        self.0.push(word.to_string());
        self
    }

    /// The same command with more words.
    pub(crate) fn with_all(self, words: impl IntoIterator<Item = impl fmt::Display>) -> Self {
        words.into_iter().fold(self, Self::with)
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.0.iter().map(|word| shell_word(word)).collect();
        write!(f, "`{}`", words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_stays_one_word() {
        let command = Command::cartctl("delete cart").with("--protected-ok").with_all(["a b", "it's"]);
        assert_eq!(command.to_string(), r"`cartctl delete cart --protected-ok 'a b' 'it'\''s'`");
        assert_eq!(Command::aws("sts get-caller-identity").to_string(), "`aws sts get-caller-identity`");
    }
}
