# flood SECONDS TARGET PORT: as many packets as one process can send, of a heartbeat's size and first byte, each with another body.
use strict;
use warnings;
use Socket;
use Time::HiRes 'time';
my ($seconds, $target, $port, $size) = @ARGV;
socket my $socket, AF_INET, SOCK_DGRAM, 0 or die "flood: $!\n";
my $to = sockaddr_in($port, inet_aton($target));
my ($sent, $end) = (0, time + $seconds);
while (time < $end) {
  for (1 .. 50) { send($socket, "\xc2\0" . pack('N', $sent) . chr($sent & 255) x ($size - 6), 0, $to) and $sent++ }
}
print "$sent\n";
