//! Whether a binary will start in Lambda: compiled for the right processor, and for a glibc that is not newer than Amazon Linux's.
//!
//! Knows only bytes. A binary that fails here would fail in AWS at its first request, with a message of the dynamic loader.

use std::fmt;

use object::{
    Endianness,
    elf::{self, FileHeader64, Machine},
    read::elf::FileHeader,
};
use thiserror::Error;

use cart_infra::Architecture;

/// The glibc of `provided.al2023`: <https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html>.
pub(super) const AMAZON_LINUX_2023: Glibc = Glibc { major: 2, minor: 34 };

/// A version of the C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Glibc {
    major: u32,
    minor: u32,
}

impl Glibc {
    /// Reads the name of a symbol version, such as `GLIBC_2.34`. Names that promise no version, such as `GLIBC_PRIVATE`, are none.
    fn from_symbol_version(name: &str) -> Option<Self> {
        // Packed relative relocations are a promise about the loader, which glibc made with 2.36.
        if name == "GLIBC_ABI_DT_RELR" {
            return Some(Self { major: 2, minor: 36 });
        }
        let mut numbers = name.strip_prefix("GLIBC_")?.split('.');
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next()?.parse().ok()?;
        Some(Self { major, minor })
    }
}

impl fmt::Display for Glibc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Why a binary would not start.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("it is not a 64-bit Linux program")]
    Unreadable(#[source] object::Error),
    #[error("it is compiled for {found}, not for {wanted}")]
    Processor {
        /// The processor of the binary.
        found: String,
        /// The processor of the function.
        wanted: Architecture,
    },
    #[error("it needs glibc {needed}, and Lambda has {limit}")]
    Glibc { needed: Glibc, limit: Glibc },
}

impl Error {
    #[must_use]
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Unreadable(_) | Self::Processor { .. } => {
                "something overrides the compiler's target: look for `[build]` and `linker` in cargo's configuration".to_owned()
            }
            Self::Glibc { .. } => {
                "a library of this machine is linked into it: look for crates that use pkg-config, and for `linker` \
                                   in cargo's configuration"
                    .to_owned()
            }
        }
    }
}

/// Checks a binary against an architecture and the glibc of Amazon Linux 2023.
pub(super) fn check(binary: &[u8], architecture: Architecture) -> Result<(), Error> {
    let (machine, glibc) = requirements(binary).map_err(Error::Unreadable)?;
    if machine != machine_of(architecture) {
        return Err(Error::Processor { found: machine_name(machine), wanted: architecture });
    }
    match glibc {
        Some(needed) if needed > AMAZON_LINUX_2023 => Err(Error::Glibc { needed, limit: AMAZON_LINUX_2023 }),
        _ => Ok(()),
    }
}

/// The processor of a binary, and the newest glibc that any of its symbols requires.
fn requirements(binary: &[u8]) -> object::read::Result<(Machine, Option<Glibc>)> {
    let header = FileHeader64::<Endianness>::parse(binary)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, binary)?;
    let mut newest = None;
    if let Some((mut libraries, link)) = sections.gnu_verneed(endian, binary)? {
        let names = sections.strings(endian, binary, link)?;
        while let Some((_, mut versions)) = libraries.next()? {
            while let Some(version) = versions.next()? {
                let name = String::from_utf8_lossy(version.name(endian, names)?);
                newest = newest.max(Glibc::from_symbol_version(&name));
            }
        }
    }
    Ok((header.e_machine(endian), newest))
}

const fn machine_of(architecture: Architecture) -> Machine {
    match architecture {
        Architecture::Arm64 => elf::EM_AARCH64,
        Architecture::X86_64 => elf::EM_X86_64,
    }
}

fn machine_name(machine: Machine) -> String {
    match machine {
        elf::EM_AARCH64 => Architecture::Arm64.to_string(),
        elf::EM_X86_64 => Architecture::X86_64.to_string(),
        Machine(number) => format!("ELF machine {number}"),
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    /// A real program: this test.
    fn this_program() -> Vec<u8> {
        std::fs::read(std::env::current_exe().unwrap()).unwrap()
    }

    fn here_and_elsewhere() -> (Architecture, Architecture) {
        if cfg!(target_arch = "x86_64") {
            (Architecture::X86_64, Architecture::Arm64)
        } else {
            (Architecture::Arm64, Architecture::X86_64)
        }
    }

    #[test]
    fn a_program_tells_its_processor_and_its_glibc() {
        let (machine, glibc) = requirements(&this_program()).unwrap();
        assert_eq!(machine, machine_of(here_and_elsewhere().0));
        assert!(glibc >= Some(Glibc { major: 2, minor: 2 }), "{glibc:?}");
        assert!(glibc < Some(Glibc { major: 3, minor: 0 }), "{glibc:?}");
    }

    #[test]
    fn a_program_for_another_processor_is_refused() {
        let error = check(&this_program(), here_and_elsewhere().1).unwrap_err();
        assert!(matches!(error, Error::Processor { .. }), "{error}");
    }

    #[test]
    fn a_program_for_a_newer_glibc_is_refused() {
        let (here, _) = here_and_elsewhere();
        // One symbol of this program asks for `GLIBC_2.2.5` or `GLIBC_2.17`, the oldest there is; make it ask for another.
        let (old, new) = if here == Architecture::X86_64 { ("GLIBC_2.2.5", "GLIBC_2.99\0") } else { ("GLIBC_2.17", "GLIBC_2.99") };
        let mut program = this_program();
        for start in occurrences(&program, format!("\0{old}\0").as_bytes()) {
            program[start + 1..=start + old.len()].copy_from_slice(new.as_bytes());
        }
        let error = check(&program, here).unwrap_err();
        assert_eq!(error.to_string(), "it needs glibc 2.99, and Lambda has 2.34");
    }

    fn occurrences(haystack: &[u8], needle: &[u8]) -> Vec<usize> {
        haystack.windows(needle.len()).enumerate().filter_map(|(start, window)| (window == needle).then_some(start)).collect()
    }

    #[test]
    fn what_is_no_program_is_refused() {
        assert!(matches!(check(b"#!/bin/sh\n", Architecture::X86_64), Err(Error::Unreadable(_))));
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        let version = |name| Glibc::from_symbol_version(name);
        assert!(version("GLIBC_2.4") < version("GLIBC_2.34"));
        assert_eq!(version("GLIBC_2.2.5"), version("GLIBC_2.2"));
        assert_eq!(version("GLIBC_PRIVATE"), None);
        assert_eq!(version("GCC_3.0"), None);
        assert!(version("GLIBC_ABI_DT_RELR") > Some(AMAZON_LINUX_2023));
    }
}
