#!/usr/bin/perl
# Becomes the program beside it, which can then open no netlink socket: neither it nor what it starts hears of network
# interfaces that come and go. test/src/support/chromium.ts says what for.
use strict;
use warnings;
use POSIX qw(uname);

my %number = (x86_64 => { prctl => 157, socket => 41 }, aarch64 => { prctl => 167, socket => 198 });
my $number = $number{ (uname)[4] } or die "$0: not known on " . (uname)[4] . "\n";
my ($load, $equal, $return) = (0x20, 0x15, 0x06);
my ($refuse, $allow) = (0x00050000 | 97, 0x7fff0000);    # SECCOMP_RET_ERRNO with EAFNOSUPPORT, SECCOMP_RET_ALLOW
my $filter = pack "(SCCL)*",
  $load,   0, 0, 0,                                       # the number of the call
  $equal,  0, 3, $number->{socket},
  $load,   0, 0, 16,                                      # its first argument
  $equal,  0, 1, 16,                                      # AF_NETLINK
  $return, 0, 0, $refuse,
  $return, 0, 0, $allow;
my $program = pack "Sx![L!]P", length($filter) / 8, $filter;
syscall($number->{prctl}, 38, 1, 0, 0, 0) == 0 or die "$0: PR_SET_NO_NEW_PRIVS: $!\n";
syscall($number->{prctl}, 22, 2, $program, 0, 0) == 0 or die "$0: PR_SET_SECCOMP: $!\n";
exec { "$0.real" } "$0.real", @ARGV or die "$0.real: $!\n";
