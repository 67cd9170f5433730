// What is wrong with a job's data, as events: written in batches, so that memory stays what it is however much is
// wrong.
#pragma once
#include <string>
#include <vector>

#include "serve/jobs/validation.h"
#include "serve/records.h"

namespace hone::serve {

class FaultEvents {
 public:
  /// The same file has the same faults in the same order. So those that a server before has written, when it was killed
  /// in the middle, are counted and not written again.
  FaultEvents(Records& records, std::string job);

  void add(const DataFault& fault);
  void write();
  /// The job is no longer one whose data is looked at.
  bool abandoned() const { return abandoned_; }

 private:
  Records& records_;
  std::string job_;
  int64_t known_ = 0, seen_ = 0;
  std::vector<EventRecord> waiting_;
  bool abandoned_ = false;
};

}  // namespace hone::serve
