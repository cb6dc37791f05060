#!/usr/bin/perl
# serial-line.pl BAUD MODE LINK LINK: a null-modem cable between two ttys, at its real speed.
#
# Makes two pseudo terminals, points the two LINKs at their slaves, and carries bytes between them, at most BAUD/10 a second in
# each direction. What an end sends while nobody reads it is not kept, as on a wire. MODE is a file that is read again
# all the time; its words say how the cable is:
#   cut            nothing passes
#   stuck          nothing is even taken: the sender's queue fills, as with flow control and a dead peer
#   noise=P        each byte becomes another one with probability P
#   drop=P         … is lost
#   chatter=N      N random bytes a second arrive at each end besides, whoever speaks
# Without perl's IO::Tty, which is no core module: the ioctls of pty(4) and ioctl_tty(2).
use strict;
use warnings;
use Fcntl qw(O_RDWR O_NOCTTY O_NONBLOCK F_SETFL);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC sleep);

use constant { TIOCGPTN => 0x80045430, TIOCSPTLCK => 0x40045431, TICK => 0.002 };
@ARGV == 4 or die "usage: serial-line.pl BAUD MODE LINK LINK\n";
my ($baud, $mode, @links) = @ARGV;
my @ends = map { open_end($_) } @links;
$| = 1;
print "ready\n";

my ($before, $looked, %is) = (now(), 0);
while (1) {
  sleep(TICK);
  my $now = now();
  # A stall of ours is no reason to deliver in a burst what a wire would have delivered in time.
  my $passed = $now - $before > 0.05 ? 0.05 : $now - $before;
  $before = $now;
  if ($now - $looked > 0.02) { %is = read_mode(); $looked = $now; }
  for my $from (0, 1) { carry($ends[$from], $ends[1 - $from], $passed); }
}

sub carry {
  my ($from, $to, $passed) = @_;
  my $credit = $from->{credit} + $passed * $baud / 10;
  my $bytes = "";
  unless ($is{stuck}) {
    my $got = $credit >= 1 ? sysread($from->{master}, $bytes, int $credit) : 0;
    $credit -= $got // 0;
  }
  # A line does not save up: what was not used is gone, but for a byte's worth of rounding.
  $from->{credit} = $bytes eq "" && $credit > 1 ? 1 : $credit;
  return if $is{cut} || $is{stuck};
  $bytes = join "", map { $is{drop} && rand() < $is{drop} ? "" : $is{noise} && rand() < $is{noise} ? chr int rand 256 : $_ } split //, $bytes;
  $bytes .= join "", map { chr int rand 256 } 1 .. $is{chatter} * $passed + rand() if $is{chatter};
  # Full: the reader is away, and the bytes are gone, as on a wire.
  syswrite($to->{master}, $bytes) if $bytes ne "";
}

sub open_end {
  my ($link) = @_;
  sysopen(my $master, "/dev/ptmx", O_RDWR | O_NOCTTY) or die "/dev/ptmx: $!\n";
  ioctl($master, TIOCSPTLCK, my $unlocked = pack("i", 0)) or die "unlock: $!\n";
  ioctl($master, TIOCGPTN, my $number = pack("i", 0)) or die "number: $!\n";
  my $path = "/dev/pts/" . unpack("i", $number);
  # Held open, so that a daemon's end hangs nothing up; raw from the start, so that nothing is echoed.
  sysopen(my $slave, $path, O_RDWR | O_NOCTTY) or die "$path: $!\n";
  system("stty", "-F", $path, "raw", "-echo") == 0 or die "stty failed\n";
  fcntl($master, F_SETFL, O_RDWR | O_NONBLOCK) or die "fcntl: $!\n";
  unlink $link;
  symlink($path, $link) or die "$link: $!\n";
  return { master => $master, slave => $slave, credit => 0 };
}

sub read_mode {
  open(my $file, "<", $mode) or return ();
  local $/;
  return map { /^(\w+)(?:=([\d.]+))?$/ ? ($1, $2 // 1) : () } split " ", <$file> // "";
}

sub now { return clock_gettime(CLOCK_MONOTONIC) }
