//! Limits of what the containers of steps may take (dockerui: `parseLinuxResources`).

use std::str::FromStr;

use buildkit_proto::gateway::LinuxResources;

use super::Options;
use super::error::OptionsError;

impl Options {
    /// `memory`, `memswap`, `cpushares`, `cpuperiod`, `cpuquota`, `cpusetcpus` and `cpusetmems`; none when none is given.
    pub fn limits(&self) -> Result<Option<LinuxResources>, OptionsError> {
        let limits = LinuxResources {
            memory: self.number("memory", 1, "a number of bytes")?,
            memory_swap: self.number("memswap", -1, "a number of bytes, or -1")?,
            cpu_shares: self.number("cpushares", 1, "a weight")?,
            cpu_period: self.number("cpuperiod", 1, "a number of microseconds")?,
            cpu_quota: self.number("cpuquota", 1, "a number of microseconds")?,
            cpuset_cpus: self.set("cpusetcpus")?,
            cpuset_mems: self.set("cpusetmems")?,
        };
        Ok((limits != LinuxResources::default()).then_some(limits))
    }

    /// A number from `least` on, but not 0, which stands for none.
    fn number<T>(&self, option: &'static str, least: T, wanted: &'static str) -> Result<T, OptionsError>
    where
        T: FromStr + Default + PartialOrd,
    {
        let Some(text) = self.all.get(option).filter(|text| !text.is_empty()) else { return Ok(T::default()) };
        let number = text.parse().ok().filter(|number| *number >= least && *number != T::default());
        number.ok_or_else(|| OptionsError::Value { option, value: text.clone(), wanted })
    }

    /// Numbers and ranges of numbers of processors or of nodes of memory.
    fn set(&self, option: &'static str) -> Result<String, OptionsError> {
        let Some(text) = self.all.get(option) else { return Ok(String::new()) };
        let number = |text: &str| text.trim().parse::<u16>().ok();
        let is_valid = |part: &str| match part.split_once('-') {
            Some((first, last)) => number(first).zip(number(last)).is_some_and(|(first, last)| first <= last),
            None => part.trim().is_empty() || number(part).is_some(),
        };
        match text.split(',').all(is_valid) {
            true => Ok(text.clone()),
            false => Err(OptionsError::Value { option, value: text.clone(), wanted: "a list such as `0-2,4`" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn limits(options: &[(&str, &str)]) -> Result<Option<LinuxResources>, String> {
        let all: BTreeMap<_, _> = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Options { all, ..Options::default() }.limits().map_err(|error| error.to_string())
    }

    #[test]
    fn reads_limits() {
        assert_eq!(limits(&[("memory", ""), ("cpusetcpus", "")]), Ok(None));
        let read = limits(&[
            ("memory", "1073741824"),
            ("memswap", "-1"),
            ("cpushares", "512"),
            ("cpuperiod", "100000"),
            ("cpuquota", "50000"),
            ("cpusetcpus", "0-2,4"),
            ("cpusetmems", "0"),
        ]);
        let expected = LinuxResources {
            memory: 1 << 30,
            memory_swap: -1,
            cpu_shares: 512,
            cpu_period: 100_000,
            cpu_quota: 50_000,
            cpuset_cpus: "0-2,4".to_owned(),
            cpuset_mems: "0".to_owned(),
        };
        assert_eq!(read, Ok(Some(expected)));
        for (option, value) in [
            ("memory", "1g"),
            ("memory", "0"),
            ("memory", "-1"),
            ("memswap", "0"),
            ("memswap", "-2"),
            ("cpushares", "-1"),
            ("cpuquota", "0"),
            ("cpusetcpus", "2-0"),
            ("cpusetmems", "all"),
        ] {
            let error = limits(&[(option, value)]).unwrap_err();
            assert!(error.starts_with(&format!("option `{option}`: `{value}` is not ")), "{error}");
        }
    }
}
